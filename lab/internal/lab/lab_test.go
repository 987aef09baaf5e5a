package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smt-ha/lab/internal/settings"
)

func write(t *testing.T, content string, elements ...string) string {
	t.Helper()
	file := filepath.Join(elements...)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestForeignDirectoryIsNotAdopted(t *testing.T) {
	dir := t.TempDir()
	write(t, "mine", dir, "thesis.txt")
	state := settings.State(dir)
	for name, err := range map[string]error{"adopt": adopt(state), "checkDir": checkDir(state)} {
		if err == nil || !strings.Contains(err.Error(), "nor a lab's directory") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("something was written there: %v", entries)
	}
}

func TestAdoptMakesAPrivateDirectory(t *testing.T) {
	state := settings.State(filepath.Join(t.TempDir(), "new", ".lab"))
	for range 2 {
		if err := adopt(state); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(string(state)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := checkDir(state); err != nil {
		t.Error(err)
	}
}

const fakeBuild = `#!/bin/bash
# Stands in for the template's build, which takes a minute and a network.
mkdir -p "$1" && echo key > "$1/id_ed25519" && echo pub > "$1/id_ed25519.pub" && echo built >> "$(dirname "$1")/builds"
`

func TestTemplateIsBuiltOncePerRecipe(t *testing.T) {
	recipe, cache := t.TempDir(), t.TempDir()
	write(t, fakeBuild, recipe, "build")
	write(t, "one", recipe, "packages")
	template := func() string {
		t.Helper()
		dir, err := ensureBuilt(recipe, cache)
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	first, again := template(), template()
	write(t, "two", recipe, "packages")
	changed := template()
	write(t, "one", recipe, "packages")
	back := template()
	builds, _ := os.ReadFile(filepath.Join(cache, "builds"))
	if first != again || first == changed || first != back || strings.Count(string(builds), "built") != 2 {
		t.Errorf("directories %s, %s, %s, %s; builds: %q", first, again, changed, back, builds)
	}
}

func TestTemplateOfAFailedBuildIsNotUsed(t *testing.T) {
	recipe, cache := t.TempDir(), t.TempDir()
	write(t, "#!/bin/bash\nexit 1\n", recipe, "build")
	if dir, err := ensureBuilt(recipe, cache); err == nil {
		t.Errorf("got %s from a build that failed", dir)
	}
}

func TestMachinesKeepTheirTemplate(t *testing.T) {
	state, cache := settings.State(filepath.Join(t.TempDir(), ".lab")), t.TempDir()
	if err := adopt(state); err != nil {
		t.Fatal(err)
	}
	dirs := map[string]string{}
	for _, name := range []string{"old", "new"} {
		write(t, name+" key", cache, name, "id_ed25519")
		write(t, name+" pub", cache, name, "id_ed25519.pub")
		dirs[name] = filepath.Join(cache, name)
	}
	use := func(name string, wantChanged bool, wantKey string) {
		t.Helper()
		changed, err := useTemplate(state, dirs[name])
		if err != nil {
			t.Fatal(err)
		}
		key, err := os.ReadFile(state.Path("ssh", "id_ed25519"))
		if changed != wantChanged || string(key) != wantKey || err != nil {
			t.Errorf("changed %v, key %q, %v", changed, key, err)
		}
		if info, err := os.Stat(state.Path("ssh", "id_ed25519")); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("key's mode: %v, %v", info.Mode(), err)
		}
	}
	use("old", true, "old key")
	use("old", false, "old key")
	machine := write(t, "{}", state.Inventory(), "vm-1.json")
	use("new", false, "old key")
	if err := os.Remove(machine); err != nil {
		t.Fatal(err)
	}
	use("new", true, "new key")
}
