package remote

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"strings"
	"sync"

	provider "github.com/pulumi/pulumi-go-provider"
	"golang.org/x/crypto/ssh"
)

// execute runs a command to its end. It returns each stream without its last newline, and both interleaved. While the
// command runs, the streams that logging names also go to the engine's log, line by line.
func execute(
	ctx context.Context, session *ssh.Session, command, stdin string, logging Logging,
) (stdout, stderr, both string, err error) {
	if stdin != "" {
		session.Stdin = strings.NewReader(stdin)
	}
	var out, errOut bytes.Buffer
	var interleaved lockedBuffer
	stdoutWriters := []io.Writer{&out, &interleaved}
	stderrWriters := []io.Writer{&errOut, &interleaved}

	logReader, log := io.Pipe()
	if logging == logStdout || logging == logStdoutAndStderr {
		stdoutWriters = append(stdoutWriters, log)
	}
	if logging == logStderr || logging == logStdoutAndStderr {
		stderrWriters = append(stderrWriters, log)
	}
	session.Stdout = io.MultiWriter(stdoutWriters...)
	session.Stderr = io.MultiWriter(stderrWriters...)

	var logged sync.WaitGroup
	logged.Go(func() { logLines(ctx, logReader) })
	err = session.Run(command)
	log.Close()
	logged.Wait()

	return strings.TrimSuffix(out.String(), "\n"), strings.TrimSuffix(errOut.String(), "\n"), interleaved.String(), err
}

// logLines shows lines in the engine's progress display until the reader ends. It splits lines longer than its buffer.
func logLines(ctx context.Context, r io.Reader) {
	lines := bufio.NewReaderSize(r, 64*1024)
	for {
		line, _, err := lines.ReadLine()
		if err != nil {
			return
		}
		provider.GetLogger(ctx).InfoStatus(string(line))
	}
}

// lockedBuffer collects two streams, each written by its own goroutine.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
