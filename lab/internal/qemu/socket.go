package qemu

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// conversation speaks the protocol that QEMU's monitor and the guest agent share: JSON objects, one a line.
type conversation struct {
	net.Conn
	decoder *json.Decoder
}

// dial connects to a socket through its directory's descriptor, because the full path may be too long for a socket.
func dial(socket string) (*conversation, error) {
	dir, err := os.Open(filepath.Dir(socket))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	conn, err := net.DialTimeout("unix", fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(socket)), time.Second)
	if err != nil {
		return nil, err
	}
	return &conversation{Conn: conn, decoder: json.NewDecoder(conn)}, nil
}

type reply struct {
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Class       string `json:"class"`
		Description string `json:"desc"`
	} `json:"error"`
}

func (c *conversation) send(command string, arguments any) error {
	request := map[string]any{"execute": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	return json.NewEncoder(c).Encode(request)
}

// ask sends a command, skips events, and decodes the answer into result, which may be nil.
func (c *conversation) ask(command string, arguments, result any) error {
	if err := c.send(command, arguments); err != nil {
		return err
	}
	for {
		var answer reply
		if err := c.decoder.Decode(&answer); err != nil {
			return fmt.Errorf("%s: %w", command, err)
		}
		switch {
		case answer.Error != nil:
			return fmt.Errorf("%s: %s", command, answer.Error.Description)
		case answer.Return == nil:
			continue
		case result == nil:
			return nil
		default:
			return json.Unmarshal(answer.Return, result)
		}
	}
}
