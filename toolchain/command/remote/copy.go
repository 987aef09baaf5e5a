package remote

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/pkg/sftp"
	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi-go-provider/infer/types"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// CopyToRemote copies a local file or directory to a host when the resource is created, and again when the content's hash
// or the remote path changes. It removes nothing from the host.
type CopyToRemote struct{}

// CopyToRemoteInputs are the arguments of a CopyToRemote, and its state.
type CopyToRemoteInputs struct {
	Connection *Connection          `pulumi:"connection" provider:"secret"`
	Triggers   *[]any               `pulumi:"triggers,optional" provider:"replaceOnChanges"`
	Source     types.AssetOrArchive `pulumi:"source"`
	RemotePath string               `pulumi:"remotePath"`
}

// CopyToRemoteOutputs are the arguments.
type CopyToRemoteOutputs struct{ CopyToRemoteInputs }

// Annotate describes the resource.
func (c *CopyToRemote) Annotate(a infer.Annotator) {
	a.Describe(&c, "A local file or directory to copy to a host over SSH.")
}

// Annotate describes the fields.
func (c *CopyToRemoteInputs) Annotate(a infer.Annotator) {
	a.Describe(&c.Connection, "How to reach the host.")
	a.Describe(&c.Triggers, "The resource is replaced when any of these values changes.")
	a.Describe(&c.Source, "A FileAsset or FileArchive by path. Archive files are copied as they are; a directory is"+
		" copied with its content, to remotePath if the path ends with a slash, else to a directory of its name there.")
	a.Describe(&c.RemotePath, "The path on the host, absolute or from the user's home. Its last element is created if"+
		" it does not exist. A file goes into remotePath if that is a directory.")
}

// Check refuses a source that is not one local path.
func (*CopyToRemote) Check(
	ctx context.Context, req infer.CheckRequest,
) (infer.CheckResponse[CopyToRemoteInputs], error) {
	inputs, failures, err := infer.DefaultCheck[CopyToRemoteInputs](ctx, req.NewInputs)
	if err == nil && len(failures) == 0 {
		if _, pathErr := inputs.sourcePath(); pathErr != nil {
			failures = append(failures, provider.CheckFailure{Property: "source", Reason: pathErr.Error()})
		}
	}
	return infer.CheckResponse[CopyToRemoteInputs]{Inputs: inputs, Failures: failures}, err
}

// Create copies the source.
func (*CopyToRemote) Create(
	ctx context.Context, req infer.CreateRequest[CopyToRemoteInputs],
) (infer.CreateResponse[CopyToRemoteOutputs], error) {
	id, err := resource.NewUniqueHex(req.Name, 8, 0)
	if err == nil && !req.DryRun {
		err = req.Inputs.copy(ctx)
	}
	return infer.CreateResponse[CopyToRemoteOutputs]{ID: id, Output: CopyToRemoteOutputs{req.Inputs}}, err
}

// Update copies the source again if its content or its destination changed, but not if only the connection changed.
func (*CopyToRemote) Update(
	ctx context.Context, req infer.UpdateRequest[CopyToRemoteInputs, CopyToRemoteOutputs],
) (infer.UpdateResponse[CopyToRemoteOutputs], error) {
	var err error
	changed := req.Inputs.hash() != req.State.hash() || req.Inputs.RemotePath != req.State.RemotePath
	if changed && !req.DryRun {
		err = req.Inputs.copy(ctx)
	}
	return infer.UpdateResponse[CopyToRemoteOutputs]{Output: CopyToRemoteOutputs{req.Inputs}}, err
}

func (c CopyToRemoteInputs) sourcePath() (string, error) {
	asset, archive := c.Source.Asset, c.Source.Archive
	switch {
	case asset != nil && archive != nil:
		return "", errors.New("source is both an asset and an archive")
	case asset != nil && asset.IsPath():
		return asset.Path, nil
	case archive != nil && archive.IsPath():
		return archive.Path, nil
	default:
		return "", errors.New("source must be a FileAsset or a FileArchive with a local path")
	}
}

func (c CopyToRemoteInputs) hash() string {
	if c.Source.Asset != nil {
		return c.Source.Asset.Hash
	}
	return c.Source.Archive.Hash
}

func (c CopyToRemoteInputs) copy(ctx context.Context) error {
	source, err := c.sourcePath()
	if err != nil {
		return err
	}
	client, err := c.Connection.dial(ctx)
	if err != nil {
		return err
	}
	defer client.Close()

	files, err := sftp.NewClient(client, sftp.UseConcurrentWrites(true))
	if err != nil {
		return fmt.Errorf("starting SFTP on %s: %w; its SSH server needs the sftp subsystem", c.Connection.endpoint, err)
	}
	defer files.Close()
	if err := upload(files, source, c.RemotePath); err != nil {
		return fmt.Errorf("copying %s to %s:%s: %w", source, c.Connection.endpoint, c.RemotePath, err)
	}
	return nil
}

// upload copies a file or directory. The copy's path depends on destination:
//
//	source   destination is a directory   is missing        is a file
//	file     destination/file             destination       overwritten
//	dir      destination/dir              destination/dir   error
//	dir/     destination                  destination       error
func upload(files *sftp.Client, source, destination string) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		if existing, err := stat(files, destination); err != nil {
			return err
		} else if existing != nil && existing.IsDir() {
			destination = path.Join(destination, filepath.Base(source))
		}
		return uploadFile(files, source, destination)
	}
	if err := makeDir(files, destination); err != nil {
		return err
	}
	if !strings.HasSuffix(source, "/") {
		destination = path.Join(destination, filepath.Base(source))
	}
	return filepath.WalkDir(source, func(local string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(source, local)
		if err != nil {
			return err
		}
		remote := path.Join(destination, filepath.ToSlash(below))
		if entry.IsDir() {
			return makeDir(files, remote)
		}
		return uploadFile(files, local, remote)
	})
}

func makeDir(files *sftp.Client, dir string) error {
	existing, err := stat(files, dir)
	if err != nil {
		return err
	}
	if existing == nil {
		if err := files.Mkdir(dir); err != nil {
			return fmt.Errorf("creating the directory %s: %w", dir, err)
		}
		return nil
	}
	if !existing.IsDir() {
		return fmt.Errorf("%s exists and is not a directory", dir)
	}
	return nil
}

func uploadFile(files *sftp.Client, source, destination string) error {
	local, err := os.Open(source)
	if err != nil {
		return err
	}
	defer local.Close()
	remote, err := files.Create(destination)
	if err != nil {
		return fmt.Errorf("creating %s: %w", destination, err)
	}
	if _, err := remote.ReadFrom(local); err != nil {
		remote.Close()
		return fmt.Errorf("writing %s: %w", destination, err)
	}
	return remote.Close()
}

// stat returns nil, and no error, for a path that does not exist.
func stat(files *sftp.Client, name string) (fs.FileInfo, error) {
	info, err := files.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking at %s: %w", name, err)
	}
	return info, nil
}
