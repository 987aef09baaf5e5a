// Package failure reports errors as all of the project does: the cause, how to fix it, and the log with details.
package failure

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// Failure is an error with advice. Its text is the cause alone, so that callers can wrap it like any other error.
type Failure struct {
	Cause error
	Fix   string
	Log   string // file with details; empty if there is none
}

// New returns a Failure without a log; the cause is formatted as by fmt.Errorf.
func New(fix, cause string, args ...any) *Failure {
	return &Failure{Cause: fmt.Errorf(cause, args...), Fix: fix}
}

func (f *Failure) Error() string { return f.Cause.Error() }

func (f *Failure) Unwrap() error { return f.Cause }

// Print writes the error a line at a time, each after the program's name. It takes fix and log from the first Failure in
// the error's chain.
func Print(w io.Writer, program string, err error) {
	line := func(label, text string) {
		if text != "" {
			fmt.Fprintf(w, "%s: %-6s %s\n", program, label, strings.ReplaceAll(text, "\n", "\n"+program+":        "))
		}
	}
	line("cause:", err.Error())
	var failure *Failure
	if errors.As(err, &failure) {
		line("fix:", failure.Fix)
		line("log:", failure.Log)
	}
}
