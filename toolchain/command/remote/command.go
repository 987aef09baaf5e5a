package remote

import (
	"context"
	"fmt"

	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Command runs a command on a host when the resource is created, updated and deleted.
type Command struct{}

// CommandInputs are the arguments of a Command.
type CommandInputs struct {
	Triggers               *[]any            `pulumi:"triggers,optional" provider:"replaceOnChanges"`
	Create                 *string           `pulumi:"create,optional"`
	Update                 *string           `pulumi:"update,optional"`
	Delete                 *string           `pulumi:"delete,optional"`
	Stdin                  *string           `pulumi:"stdin,optional"`
	Logging                *Logging          `pulumi:"logging,optional"`
	Connection             *Connection       `pulumi:"connection" provider:"secret"`
	Environment            map[string]string `pulumi:"environment,optional"`
	AddPreviousOutputInEnv *bool             `pulumi:"addPreviousOutputInEnv,optional"`
}

// CommandOutputs are the resource's state: the arguments and the output of the last command. A program marks stdout or
// stderr as secret if it can contain one (additionalSecretOutputs).
type CommandOutputs struct {
	CommandInputs
	Stdout string `pulumi:"stdout"`
	Stderr string `pulumi:"stderr"`
}

// Logging selects which streams of a running command go to the engine's log, line by line. Unset: both.
type Logging string

const (
	logStdout          Logging = "stdout"
	logStderr          Logging = "stderr"
	logStdoutAndStderr Logging = "stdoutAndStderr"
	logNone            Logging = "none"
)

// Values lists the permitted values.
func (Logging) Values() []infer.EnumValue[Logging] {
	return []infer.EnumValue[Logging]{
		{Name: "stdout", Value: logStdout, Description: "Log stdout only."},
		{Name: "stderr", Value: logStderr, Description: "Log stderr only."},
		{Name: "stdoutAndStderr", Value: logStdoutAndStderr, Description: "Log both streams."},
		{Name: "none", Value: logNone, Description: "Log nothing."},
	}
}

// Annotate describes the resource.
func (c *Command) Annotate(a infer.Annotator) {
	a.Describe(&c, "A command to run on a host over SSH, at create, update and delete.")
}

// Annotate describes the fields.
func (c *CommandInputs) Annotate(a infer.Annotator) {
	a.Describe(&c.Triggers, "The resource is replaced when any of these values changes.")
	a.Describe(&c.Create, "The command to run at create.")
	a.Describe(&c.Update, "The command to run at update. Default: the create command.")
	a.Describe(&c.Delete, "The command to run at delete.")
	a.Describe(&c.Stdin, "The standard input of each command.")
	a.Describe(&c.Logging, "The streams that go to the log while a command runs. Default: both.")
	a.Describe(&c.Connection, "How to reach the host.")
	a.Describe(&c.Environment, "Environment variables; the SSH server must accept them (AcceptEnv).")
	a.Describe(&c.AddPreviousOutputInEnv, "Whether the output of the previous command is passed on as"+
		" PULUMI_COMMAND_STDOUT and PULUMI_COMMAND_STDERR. Default: true.")
}

// Annotate describes the fields.
func (c *CommandOutputs) Annotate(a infer.Annotator) {
	a.Describe(&c.Stdout, "The standard output of the last command, without its last newline.")
	a.Describe(&c.Stderr, "The standard error of the last command, without its last newline.")
}

// Create runs the create command, if there is one.
func (*Command) Create(
	ctx context.Context, req infer.CreateRequest[CommandInputs],
) (infer.CreateResponse[CommandOutputs], error) {
	state := CommandOutputs{CommandInputs: req.Inputs}
	id, err := resource.NewUniqueHex(req.Name, 8, 0)
	if err == nil && !req.DryRun && req.Inputs.Create != nil {
		err = state.run(ctx, *req.Inputs.Create)
	}
	return infer.CreateResponse[CommandOutputs]{ID: id, Output: state}, err
}

// Update runs the update command, or the create command if there is none. Without either, it keeps the last output.
func (*Command) Update(
	ctx context.Context, req infer.UpdateRequest[CommandInputs, CommandOutputs],
) (infer.UpdateResponse[CommandOutputs], error) {
	state := CommandOutputs{CommandInputs: req.Inputs, Stdout: req.State.Stdout, Stderr: req.State.Stderr}
	command := req.Inputs.Update
	if command == nil {
		command = req.Inputs.Create
	}
	var err error
	if !req.DryRun && command != nil {
		err = state.run(ctx, *command)
	}
	return infer.UpdateResponse[CommandOutputs]{Output: state}, err
}

// Delete runs the delete command, if there is one, with the arguments in state.
func (*Command) Delete(ctx context.Context, req infer.DeleteRequest[CommandOutputs]) (infer.DeleteResponse, error) {
	if req.State.Delete == nil {
		return infer.DeleteResponse{}, nil
	}
	return infer.DeleteResponse{}, req.State.run(ctx, *req.State.Delete)
}

// run runs a command on the host and stores its output. An error contains the exit status, the command and its output, but
// never stdin. Canceling the deployment ends dialing, but not a running command: otherwise the next deployment could start
// it a second time while it still runs on the host.
func (c *CommandOutputs) run(ctx context.Context, command string) error {
	client, err := c.Connection.dial(ctx)
	if err != nil {
		return err
	}
	defer client.Close()

	session, err := client.NewSession()
	if err != nil {
		return fmt.Errorf("opening a session on %s: %w", c.Connection.endpoint, err)
	}
	defer session.Close()

	for name, value := range c.Environment {
		if err := session.Setenv(name, value); err != nil {
			return fmt.Errorf("setting %s on %s: %w; its SSH server must accept it (AcceptEnv)", name, c.Connection.endpoint, err)
		}
	}
	if valueOr(c.AddPreviousOutputInEnv, true) {
		c.setPreviousOutput(ctx, session.Setenv)
	}
	stdout, stderr, both, err := execute(ctx, session, command, valueOr(c.Stdin, ""), valueOr(c.Logging, logStdoutAndStderr))
	if err != nil {
		return fmt.Errorf("on %s: %w: running %q:\n%s", c.Connection.endpoint, err, command, both)
	}
	c.Stdout, c.Stderr = stdout, stderr
	return nil
}

// setPreviousOutput passes the last output to the command. If the server does not accept it, it only logs a warning.
func (c *CommandOutputs) setPreviousOutput(ctx context.Context, setenv func(name, value string) error) {
	for _, previous := range []struct{ name, value string }{
		{"PULUMI_COMMAND_STDOUT", c.Stdout},
		{"PULUMI_COMMAND_STDERR", c.Stderr},
	} {
		if previous.value == "" {
			continue
		}
		if err := setenv(previous.name, previous.value); err != nil {
			provider.GetLogger(ctx).Warningf(
				"setting %s on %s: %v; accept it in the SSH server (AcceptEnv) or set addPreviousOutputInEnv to false",
				previous.name, c.Connection.endpoint, err)
		}
	}
}
