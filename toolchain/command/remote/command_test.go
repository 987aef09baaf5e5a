package remote

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

func TestCommandLifecycle(t *testing.T) {
	server := startSSHD(t)
	command := startEngine(t).resource("Command")
	journal := filepath.Join(t.TempDir(), "journal")
	step := func(name string) string { return fmt.Sprintf("echo %s-$(cat) >>%s; echo did %s", name, journal, name) }
	inputs := map[string]any{
		"connection": server.connection(),
		"create":     step("create"),
		"update":     step("update"),
		"delete":     step("delete"),
		"stdin":      "one",
	}

	if properties := command.preview(inputs); properties.ContainsUnknowns() == false {
		t.Error("a preview shows an output that is not known yet")
	}
	if err := command.create(inputs); err != nil {
		t.Fatal(err)
	}
	if got := command.output("stdout"); got != "did create" {
		t.Errorf("stdout after create is %q", got)
	}
	if command.id == "" {
		t.Error("a created command has no id")
	}
	if diff := command.diff(inputs); diff.Changes != pulumirpc.DiffResponse_DIFF_NONE {
		t.Errorf("the same arguments differ: %v", diff)
	}

	inputs = with(inputs, map[string]any{"stdin": "two"})
	if diff := command.diff(inputs); diff.Changes != pulumirpc.DiffResponse_DIFF_SOME || len(diff.Replaces) > 0 {
		t.Errorf("another stdin is not an update in place: %v", diff)
	}
	if err := command.update(inputs); err != nil {
		t.Fatal(err)
	}
	if got := command.output("stdout"); got != "did update" {
		t.Errorf("stdout after update is %q", got)
	}
	if err := command.delete(); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, journal), "create-one\nupdate-two\ndelete-two\n"; got != want {
		t.Errorf("what ran on the host, with which stdin: %q, want %q", got, want)
	}
}

func TestUpdateWithoutUpdateRunsCreate(t *testing.T) {
	server := startSSHD(t)
	command := startEngine(t).resource("Command")
	inputs := map[string]any{"connection": server.connection(), "create": "echo rev 1"}
	if err := command.create(inputs); err != nil {
		t.Fatal(err)
	}
	if err := command.update(with(inputs, map[string]any{"create": "echo rev 2"})); err != nil {
		t.Fatal(err)
	}
	if got := command.output("stdout"); got != "rev 2" {
		t.Errorf("stdout is %q", got)
	}
}

func TestWithoutCommandsNothingIsDialled(t *testing.T) {
	command := startEngine(t).resource("Command")
	inputs := map[string]any{"connection": map[string]any{"host": "127.0.0.1", "port": freePort(t), "dialErrorLimit": 0}}
	if err := command.create(inputs); err != nil {
		t.Errorf("create: %v", err)
	}
	if err := command.update(with(inputs, map[string]any{"stdin": "x"})); err != nil {
		t.Errorf("update: %v", err)
	}
	if err := command.delete(); err != nil {
		t.Errorf("delete: %v", err)
	}
}

// The SDK asks the engine to replace on "triggers[*]", which the contract test checks. The plugin has to report the change
// under a path that matches.
func TestTriggersAreReportedByElement(t *testing.T) {
	server := startSSHD(t)
	command := startEngine(t).resource("Command")
	inputs := map[string]any{"connection": server.connection(), "create": "true", "triggers": []any{"script-1", "vm-1"}}
	if err := command.create(inputs); err != nil {
		t.Fatal(err)
	}
	diff := command.diff(with(inputs, map[string]any{"triggers": []any{"script-1", "vm-2"}}))
	if len(diff.DetailedDiff) != 1 || diff.DetailedDiff["triggers[1]"] == nil {
		t.Errorf("another second trigger is reported as %v", diff.DetailedDiff)
	}
}

func TestFailureNamesHostStatusAndOutput(t *testing.T) {
	server := startSSHD(t)
	command := startEngine(t).resource("Command")
	err := command.create(map[string]any{
		"connection": server.connection(),
		"create":     "cat >/dev/null; echo partial; echo no such device >&2; exit 7",
		"stdin":      "stdin-secret",
	})
	if err == nil {
		t.Fatal("a command that exits with 7 succeeds")
	}
	for _, want := range []string{fmt.Sprintf("127.0.0.1:%d", server.port), "status 7", "partial", "no such device", "exit 7"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not hold %q: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "stdin-secret") {
		t.Errorf("the error holds stdin: %v", err)
	}
}

func TestFailedUpdateAndDelete(t *testing.T) {
	server := startSSHD(t)
	command := startEngine(t).resource("Command")
	inputs := map[string]any{"connection": server.connection(), "create": "echo ok", "delete": "echo busy; exit 3"}
	if err := command.create(inputs); err != nil {
		t.Fatal(err)
	}
	if err := command.update(with(inputs, map[string]any{"update": "exit 4"})); err == nil || !strings.Contains(err.Error(), "status 4") {
		t.Errorf("update: %v", err)
	}
	if err := command.delete(); err == nil || !strings.Contains(err.Error(), "status 3") || !strings.Contains(err.Error(), "busy") {
		t.Errorf("delete: %v", err)
	}
}

func TestOutputIsKeptWithoutItsLastNewline(t *testing.T) {
	server := startSSHD(t)
	command := startEngine(t).resource("Command")
	err := command.create(map[string]any{"connection": server.connection(), "create": `printf 'a\nb\n\n'; printf 'w\n' >&2`})
	if err != nil {
		t.Fatal(err)
	}
	if got := command.output("stdout"); got != "a\nb\n" {
		t.Errorf("stdout is %q", got)
	}
	if got := command.output("stderr"); got != "w" {
		t.Errorf("stderr is %q", got)
	}
}

func TestLogging(t *testing.T) {
	server := startSSHD(t)
	for logging, want := range map[string]string{
		"":                "out err",
		"stdoutAndStderr": "out err",
		"stdout":          "out",
		"stderr":          "err",
		"none":            "",
	} {
		t.Run("logging="+logging, func(t *testing.T) {
			engine := startEngine(t)
			inputs := map[string]any{"connection": server.connection(), "create": "echo out; sleep 0.1; echo err >&2"}
			if logging != "" {
				inputs["logging"] = logging
			}
			command := engine.resource("Command")
			if err := command.create(inputs); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(strings.Fields(engine.logged()), " "); got != want {
				t.Errorf("logged %q, want %q", got, want)
			}
			if command.output("stdout") != "out" || command.output("stderr") != "err" {
				t.Errorf("outputs are %q and %q", command.output("stdout"), command.output("stderr"))
			}
		})
	}
}

func TestOutputIsLoggedWhileTheCommandRuns(t *testing.T) {
	server := startSSHD(t)
	engine := startEngine(t)
	gate := filepath.Join(t.TempDir(), "gate")
	done := make(chan error, 1)
	go func() {
		done <- engine.resource("Command").create(map[string]any{
			"connection": server.connection(),
			"create":     fmt.Sprintf("echo started; until [ -e %s ]; do sleep 0.05; done", gate),
		})
	}()
	for end := time.Now().Add(10 * time.Second); !strings.Contains(engine.logged(), "started"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Error("nothing was logged in 10 s, while the command runs")
			break
		}
	}
	write(t, gate, "", 0o600)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestEnvironment(t *testing.T) {
	server := startSSHD(t, "AcceptEnv SMT_HA_TEST PULUMI_COMMAND_STDOUT")
	engine := startEngine(t)
	command := engine.resource("Command")
	inputs := map[string]any{
		"connection":  server.connection(),
		"create":      `echo "$SMT_HA_TEST $PULUMI_COMMAND_STDOUT"; echo e >&2`,
		"environment": map[string]any{"SMT_HA_TEST": "value"},
	}
	if err := command.create(inputs); err != nil {
		t.Fatal(err)
	}
	if got := command.output("stdout"); got != "value " {
		t.Errorf("stdout is %q", got)
	}
	if err := command.update(with(inputs, map[string]any{"stdin": "x"})); err != nil {
		t.Fatal(err)
	}
	if got := command.output("stdout"); got != "value value " {
		t.Errorf("the second command does not see the first one's output: %q", got)
	}
	if !strings.Contains(engine.logged(), "PULUMI_COMMAND_STDERR") {
		t.Errorf("no warning that the server does not accept PULUMI_COMMAND_STDERR: %q", engine.logged())
	}
	if err := command.update(with(inputs, map[string]any{"addPreviousOutputInEnv": false})); err != nil {
		t.Fatal(err)
	}
	if got := command.output("stdout"); got != "value " {
		t.Errorf("addPreviousOutputInEnv=false: stdout is %q", got)
	}
	err := command.update(with(inputs, map[string]any{"environment": map[string]any{"OTHER": "x"}}))
	if err == nil || !strings.Contains(err.Error(), "OTHER") || !strings.Contains(err.Error(), "AcceptEnv") {
		t.Errorf("a variable that the server does not accept: %v", err)
	}
}

func TestCancellingEndsDiallingButNotACommand(t *testing.T) {
	server := startSSHD(t)
	engine := startEngine(t)
	running, waiting := make(chan error, 1), make(chan error, 1)
	command := engine.resource("Command")
	go func() {
		running <- command.create(map[string]any{
			"connection": server.connection(), "create": "echo started; sleep 2; echo ended",
		})
	}()
	go func() {
		waiting <- engine.resource("Command").create(map[string]any{
			"connection": map[string]any{"host": "127.0.0.1", "port": freePort(t), "dialErrorLimit": -1}, "create": "true",
		})
	}()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if log := engine.logged(); strings.Contains(log, "started") && strings.Contains(log, "trying again") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("not both under way after 10 s: %s", engine.logged())
		}
	}
	if _, err := engine.plugin.Cancel(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-waiting:
		if err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("cancelled dialling says: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("dialling goes on 10 s after it was cancelled")
	}
	if err := <-running; err != nil || command.output("stdout") != "started\nended" {
		t.Errorf("the command that ran: %v, %q", err, command.output("stdout"))
	}
}

func TestSecretsStayMarked(t *testing.T) {
	server := startSSHD(t)
	command := startEngine(t).resource("Command")
	inputs := map[string]any{
		"connection": server.connection(),
		"create":     "cat >/dev/null; echo public",
		"stdin":      resource.MakeSecret(resource.NewProperty("stdin-secret")),
	}
	if err := command.create(inputs); err != nil {
		t.Fatal(err)
	}
	for name, properties := range map[string]resource.PropertyMap{"inputs": command.inputs, "outputs": command.outputs} {
		for _, key := range []resource.PropertyKey{"connection", "stdin"} {
			if !properties[key].IsSecret() {
				t.Errorf("%s of the %s is not marked as secret", key, name)
			}
		}
		// Twice, as in a state that the official plugin has written.
		if !properties["connection"].SecretValue().Element.ObjectValue()["privateKey"].IsSecret() {
			t.Errorf("privateKey in the connection of the %s is not marked as secret", name)
		}
	}
	if command.outputs["stdout"].ContainsSecrets() {
		t.Error("stdout is secret because an argument is: a program marks it where needed (additionalSecretOutputs)")
	}
}

func TestMissingConnectionIsRefused(t *testing.T) {
	command := startEngine(t).resource("Command")
	for _, inputs := range []map[string]any{{}, {"connection": map[string]any{"user": "root"}}} {
		if _, failures := command.check(inputs); len(failures) == 0 {
			t.Errorf("%v is accepted", inputs)
		}
	}
}
