package lab

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"smt-ha/lab/internal/failure"
)

// ensureBuilt returns the directory in the cache with the result of a recipe's script `build`. The directory's name has
// the recipe's hash; ensureBuilt builds it if it does not exist.
func ensureBuilt(recipe, cache string) (string, error) {
	what := filepath.Base(recipe)
	hash := sha256.New()
	err := filepath.WalkDir(recipe, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(recipe, path)
		fmt.Fprintf(hash, "%s %d\n%s\n", name, len(content), content)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("recipe of %s: %w", what, err)
	}
	dir := filepath.Join(cache, fmt.Sprintf("%s-%x", what, hash.Sum(nil)[:8]))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	build := exec.Command(filepath.Join(recipe, "build"), dir)
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return "", failure.New("fix what the lines above report (if a download failed, the network), then run lab/up again",
			"building %s: %w", what, err)
	}
	return dir, nil
}
