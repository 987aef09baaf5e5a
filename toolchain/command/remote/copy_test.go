package remote

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

func archive(t *testing.T, path string) *resource.Archive {
	t.Helper()
	archive, err := resource.NewPathArchive(path)
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

func asset(t *testing.T, path string) *resource.Asset {
	t.Helper()
	asset, err := resource.NewPathAsset(path)
	if err != nil {
		t.Fatal(err)
	}
	return asset
}

func TestCopyDirectory(t *testing.T) {
	server := startSSHD(t)
	source := filepath.Join(t.TempDir(), "files")
	write(t, filepath.Join(source, "run"), "#!/bin/bash\n", 0o755)
	write(t, filepath.Join(source, "lib", "deep", "a"), "one\n", 0o644)
	write(t, filepath.Join(source, "empty"), "", 0o644)

	for name, test := range map[string]struct{ source, below string }{
		"directory":         {source, "files"},
		"content, with a /": {source + "/", ""},
	} {
		t.Run(name, func(t *testing.T) {
			destination := filepath.Join(t.TempDir(), "destination")
			copied := startEngine(t).resource("CopyToRemote")
			inputs := map[string]any{
				"connection": server.connection(), "source": archive(t, test.source), "remotePath": destination,
			}
			if err := copied.create(inputs); err != nil {
				t.Fatal(err)
			}
			for file, want := range map[string]string{"run": "#!/bin/bash\n", "lib/deep/a": "one\n", "empty": ""} {
				if got := read(t, filepath.Join(destination, test.below, file)); got != want {
					t.Errorf("%s holds %q, want %q", file, got, want)
				}
			}
			if !copied.outputs["connection"].IsSecret() {
				t.Error("the connection is not marked as secret in state")
			}
			if err := copied.delete(); err != nil {
				t.Errorf("delete: %v", err)
			}
			if _, err := os.Stat(filepath.Join(destination, test.below, "run")); err != nil {
				t.Errorf("delete removed the copy: %v", err)
			}
		})
	}
}

func TestCopyAgainOnlyWhenContentOrPathChanges(t *testing.T) {
	server := startSSHD(t)
	source, destination := filepath.Join(t.TempDir(), "files"), t.TempDir()
	write(t, filepath.Join(source, "a"), "one", 0o644)
	copied := startEngine(t).resource("CopyToRemote")
	inputs := func() map[string]any {
		return map[string]any{
			"connection": server.connection(), "source": archive(t, source+"/"), "remotePath": destination,
		}
	}
	if err := copied.create(inputs()); err != nil {
		t.Fatal(err)
	}
	if diff := copied.diff(inputs()); diff.Changes != pulumirpc.DiffResponse_DIFF_NONE {
		t.Errorf("the same content differs: %v", diff)
	}

	write(t, filepath.Join(destination, "a"), "changed on the host", 0o644)
	if err := copied.update(with(inputs(), map[string]any{"connection": with(server.connection(), map[string]any{"perDialTimeout": 9})})); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(destination, "a")); got != "changed on the host" {
		t.Errorf("another connection copies again: %q", got)
	}

	write(t, filepath.Join(source, "a"), "two", 0o644)
	if diff := copied.diff(inputs()); diff.Changes != pulumirpc.DiffResponse_DIFF_SOME {
		t.Errorf("other content does not differ: %v", diff)
	}
	if err := copied.update(inputs()); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(destination, "a")); got != "two" {
		t.Errorf("other content is not copied: %q", got)
	}

	other := t.TempDir()
	if err := copied.update(with(inputs(), map[string]any{"remotePath": other})); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(other, "a")); got != "two" {
		t.Errorf("another path is not copied to: %q", got)
	}
}

func TestCopyFile(t *testing.T) {
	server := startSSHD(t)
	source := filepath.Join(t.TempDir(), "a.conf")
	write(t, source, "content", 0o644)
	dir := t.TempDir()
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	inHome := filepath.Base(dir) + "-smt-ha-test"
	t.Cleanup(func() { os.Remove(filepath.Join(home, inHome)) })

	for remotePath, want := range map[string]string{
		filepath.Join(dir, "new.conf"): filepath.Join(dir, "new.conf"),
		dir:                            filepath.Join(dir, "a.conf"),
		inHome:                         filepath.Join(home, inHome),
	} {
		copied := startEngine(t).resource("CopyToRemote")
		err := copied.create(map[string]any{
			"connection": server.connection(), "source": asset(t, source), "remotePath": remotePath,
		})
		if err != nil {
			t.Errorf("%s: %v", remotePath, err)
			continue
		}
		if got := read(t, want); got != "content" {
			t.Errorf("%s holds %q", want, got)
		}
	}
}

func TestCopyFailuresNameHostAndPath(t *testing.T) {
	server := startSSHD(t)
	source, dir := t.TempDir(), t.TempDir()
	write(t, filepath.Join(source, "a"), "one", 0o644)
	write(t, filepath.Join(dir, "file"), "keep me", 0o644)
	for remotePath, want := range map[string]string{
		filepath.Join(dir, "file"):            "is not a directory",
		filepath.Join(dir, "missing", "deep"): "creating the directory",
	} {
		err := startEngine(t).resource("CopyToRemote").create(map[string]any{
			"connection": server.connection(), "source": archive(t, source), "remotePath": remotePath,
		})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "127.0.0.1") ||
			!strings.Contains(err.Error(), remotePath) {
			t.Errorf("%s: error %v, want %q with the host and the path", remotePath, err, want)
		}
	}
	if got := read(t, filepath.Join(dir, "file")); got != "keep me" {
		t.Errorf("the file in the way now holds %q", got)
	}
}

func TestCopyRefusesWhatIsNotALocalPath(t *testing.T) {
	text, err := resource.NewTextAsset("text")
	if err != nil {
		t.Fatal(err)
	}
	_, failures := startEngine(t).resource("CopyToRemote").check(map[string]any{
		"connection": map[string]any{"host": "h"}, "source": text, "remotePath": "x",
	})
	if len(failures) != 1 || failures[0].Property != "source" {
		t.Errorf("a text asset: %v", failures)
	}
}
