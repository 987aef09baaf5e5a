// Command sdk writes the package schema of the bridged vSphere provider and the Node SDK generated from it.
//
//	sdk SCHEMA-FILE SDK-DIRECTORY
//
// Both are committed; a test compares them with what Generate returns.
package main

import (
	"fmt"
	"os"

	"smt-ha/toolchain/vsphere/internal/generate"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: sdk SCHEMA-FILE SDK-DIRECTORY")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintf(os.Stderr, "sdk: %v\n", err)
		os.Exit(1)
	}
}

func run(schemaFile, sdkDir string) error {
	files, err := generate.Generate()
	if err != nil {
		return err
	}
	if err := os.WriteFile(schemaFile, files.Schema, 0o644); err != nil {
		return err
	}
	return files.SDK.Write(sdkDir)
}
