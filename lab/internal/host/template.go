package host

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// ensureTemplate returns the template's folder in the cache, named by the hash of its recipe, and builds it if need be.
func ensureTemplate(recipe, cache string) (string, error) {
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
		return "", fmt.Errorf("template recipe: %w", err)
	}
	folder := filepath.Join(cache, fmt.Sprintf("template-%x", hash.Sum(nil)[:8]))
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	build := exec.Command(filepath.Join(recipe, "build"), folder)
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("the template does not build: %w", err)
	}
	return folder, nil
}
