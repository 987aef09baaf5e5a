package qemu

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// PrepareDisks makes the disk files what the machine says: creates missing ones, grows smaller ones and removes those
// it no longer has. It refuses to shrink one.
func (m Machine) PrepareDisks(host Host) error {
	if err := os.MkdirAll(m.Folder, 0o700); err != nil {
		return err
	}
	for i, disk := range m.Disks {
		file := filepath.Join(m.Folder, disk.File)
		size, err := VirtualSize(file)
		switch {
		case errors.Is(err, fs.ErrNotExist) && i == 0:
			err = image("create", "-f", "qcow2", "-F", "qcow2", "-b", filepath.Join(host.Template, "disk.qcow2"), file, fmt.Sprint(disk.Bytes))
		case errors.Is(err, fs.ErrNotExist):
			err = image("create", "-f", "qcow2", file, fmt.Sprint(disk.Bytes))
		case err == nil && size < disk.Bytes:
			err = image("resize", file, fmt.Sprint(disk.Bytes))
		case err == nil && size > disk.Bytes:
			err = fmt.Errorf("%s has %d bytes and cannot shrink to %d", disk.File, size, disk.Bytes)
		}
		if err != nil {
			return err
		}
	}
	present, err := filepath.Glob(filepath.Join(m.Folder, "*.qcow2"))
	if err != nil {
		return err
	}
	for _, file := range present {
		if !slices.ContainsFunc(m.Disks, func(d Disk) bool { return d.File == filepath.Base(file) }) {
			if err := os.Remove(file); err != nil {
				return err
			}
		}
	}
	return nil
}

// VirtualSize is the size in bytes of the disk that an image file stands for.
func VirtualSize(file string) (int64, error) {
	if _, err := os.Stat(file); err != nil {
		return 0, err
	}
	output, err := exec.Command("qemu-img", "info", "--force-share", "--output=json", file).Output()
	if err != nil {
		return 0, fmt.Errorf("qemu-img info %s: %w", file, err)
	}
	var info struct {
		Size int64 `json:"virtual-size"`
	}
	return info.Size, json.Unmarshal(output, &info)
}

func image(command string, args ...string) error {
	output, err := exec.Command("qemu-img", append([]string{command, "-q"}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("qemu-img %s: %s", command, strings.TrimSpace(string(output)))
	}
	return nil
}
