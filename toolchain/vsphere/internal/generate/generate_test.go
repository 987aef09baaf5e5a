package generate

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smt-ha/toolchain/vsphere"
)

const (
	schemaFile = "../../schema.json"
	sdkDir     = "../../../../sdks/vsphere"
	advice     = "write it with: toolchain/sdk"
)

func TestCommittedFilesAreTheGeneratedOnes(t *testing.T) {
	files, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	if schema, err := os.ReadFile(schemaFile); err != nil {
		t.Error(err)
	} else if !bytes.Equal(schema, files.Schema) {
		t.Errorf("%s is not what is generated; %s", schemaFile, advice)
	}
	for name, want := range files.SDK {
		if got, err := os.ReadFile(filepath.Join(sdkDir, name)); err != nil {
			t.Errorf("%v; %s", err, advice)
		} else if !bytes.Equal(got, want) {
			t.Errorf("sdks/vsphere/%s is not what is generated; %s", name, advice)
		}
	}
	err = filepath.WalkDir(sdkDir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(sdkDir, path)
		if err != nil {
			return err
		}
		if slices.Contains(notGenerated, name) {
			return fs.SkipDir
		}
		if _, generated := files.SDK[filepath.ToSlash(name)]; !entry.IsDir() && !generated {
			t.Errorf("sdks/vsphere/%s is not generated", name)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestGeneratingIsRepeatable(t *testing.T) {
	first, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	second, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Schema, second.Schema) {
		t.Error("two schemas differ")
	}
	for name := range first.SDK {
		if !bytes.Equal(first.SDK[name], second.SDK[name]) {
			t.Errorf("two versions of %s differ", name)
		}
	}
}

func TestWriteReplacesAllButWhatNpmMakes(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"old.ts", "bin/index.js", "node_modules/typescript/package.json"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := (SDK{"types/new.ts": []byte("new")}).Write(dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"old.ts": false, "types/new.ts": true, "bin/index.js": true, "node_modules/typescript/package.json": true,
	} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s: exists is %v, want %v", name, err == nil, want)
		}
	}
}

func TestTokensAndVersionAreTheOfficialOnes(t *testing.T) {
	info := vsphere.Provider()
	if got := string(info.Resources["vsphere_virtual_machine"].Tok); got != "vsphere:index/virtualMachine:VirtualMachine" {
		t.Errorf("the VM's token is %s", got)
	}
	if got := string(info.DataSources["vsphere_datacenter"].Tok); got != "vsphere:index/getDatacenter:getDatacenter" {
		t.Errorf("the datacenter's token is %s", got)
	}
	// toolchain/build installs the plugin under this version.
	sdk, err := os.ReadFile(filepath.Join(sdkDir, "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(sdk), `"version": "`+vsphere.Version+`"`) {
		t.Errorf("sdks/vsphere/package.json does not have the version %s", vsphere.Version)
	}
}
