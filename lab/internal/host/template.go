package host

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// ensureBuilt returns the folder in the cache of what the recipe's build makes, named by the recipe's hash, and builds it
// if need be.
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
	folder := filepath.Join(cache, fmt.Sprintf("%s-%x", what, hash.Sum(nil)[:8]))
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	build := exec.Command(filepath.Join(recipe, "build"), folder)
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("%s does not build: %w", what, err)
	}
	return folder, nil
}
