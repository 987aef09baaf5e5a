// Command pulumi-resource-command is a stand-in for Pulumi's official command plugin. The official code is on no package
// registry, and the machines that this toolchain is for cannot download its release. The stand-in has the official schema
// and behavior of remote.Command and remote.CopyToRemote, and nothing of local.*. Where the official plugin can be
// downloaded, Pulumi uses that.
package main

import (
	"context"
	"fmt"
	"os"

	provider "github.com/pulumi/pulumi-go-provider"

	"smt-ha/toolchain/command/remote"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Println(remote.Version)
		return
	}
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "pulumi-resource-command: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	command, err := remote.Provider()
	if err != nil {
		return err
	}
	return provider.RunProvider(context.Background(), "command", remote.Version, command)
}
