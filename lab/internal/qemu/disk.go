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

// PrepareDisks makes the disk files match the machine: it creates missing ones, grows smaller ones and removes those that
// the machine no longer has. It refuses to shrink one.
func (m Machine) PrepareDisks(host Host) error {
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		return err
	}
	for i, disk := range m.Disks {
		file := filepath.Join(m.Dir, disk.File)
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
	present, err := filepath.Glob(filepath.Join(m.Dir, "*.qcow2"))
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

// VirtualSize returns the size in bytes of the disk in an image file.
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
		return fmt.Errorf("qemu-img %s: %w: %s", command, err, strings.TrimSpace(string(output)))
	}
	return nil
}
