//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"
)

const (
	sysMountSetattr = 442
	atFdcwd         = -100
	atRecursive     = 0x8000
	mountAttrRdonly = 1
)

// enter builds the room, runs what comes first and becomes the command. It only returns when that failed.
func enter(config *Config, report *Reporter) int {
	if config.Namespaces {
		if err := build(config); err != nil {
			return fail(report, exitRoom, "the room cannot be made: %v", err)
		}
		if err := dropCapabilities(config.Privileged); err != nil {
			return fail(report, exitRoom, "capabilities cannot be dropped: %v", err)
		}
	}
	for _, words := range config.Before {
		command := exec.Command(words[0], words[1:]...)
		command.Stdout, command.Stderr = os.Stdout, os.Stderr
		if err := command.Run(); err != nil {
			return fail(report, exitStart, "%s: %v", strings.Join(words, " "), err)
		}
	}
	if len(config.Command) == 0 {
		report.say("ready")
		return 0
	}
	program, err := exec.LookPath(config.Command[0])
	if err != nil {
		return fail(report, exitStart, "%v", err)
	}
	report.say("ready")
	err = syscall.Exec(program, config.Command, os.Environ())
	return fail(report, exitStart, "%s: %v", program, err)
}

func fail(report *Reporter, code int, format string, values ...any) int {
	message := fmt.Sprintf(format, values...)
	report.say(strings.ReplaceAll(message, "\n", " "))
	fmt.Fprintln(os.Stderr, "osmo-room: "+message)
	return code
}

// build mounts everything below the new root and makes that the root.
func build(config *Config) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mounts cannot be made private: %w", err)
	}
	if err := bind(config.Root, config.Root, true); err != nil {
		return err
	}
	if err := bindHost(config); err != nil {
		return err
	}
	room := &Tree{root: config.Root, parts: config.Parts}
	if err := syscall.Mount("proc", filepath.Join(config.Root, "proc"), "proc", 0, ""); err != nil {
		return fmt.Errorf("/proc: %w", err)
	}
	// A memory of its own for shared memory; hosts without the directory have no use for it.
	_ = syscall.Mount("tmpfs", filepath.Join(config.Root, "dev/shm"), "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "mode=1777")
	for _, mount := range config.Mounts {
		target, err := room.place(mount.Target, isDirectory(mount.Source))
		if err != nil {
			return fmt.Errorf("%s: %w", mount.Target, err)
		}
		if err := bind(mount.Source, target, mount.Writable); err != nil {
			return err
		}
	}
	for _, path := range config.Hide {
		if err := room.hide(path); err != nil {
			return fmt.Errorf("%s cannot be hidden: %w", path, err)
		}
	}
	return changeRoot(config.Root)
}

// bindHost shows the host's top level in the room, read-only but for devices. What is mounted there later is left out.
func bindHost(config *Config) error {
	own := map[string]bool{"proc": true, "osmo": true}
	for _, mount := range config.Mounts {
		if names := split(mount.Target); len(names) == 1 {
			own[names[0]] = true
		}
	}
	entries, err := os.ReadDir("/")
	if err != nil {
		return err
	}
	for _, name := range []string{"proc", "osmo"} {
		if err := os.MkdirAll(filepath.Join(config.Root, name), 0o755); err != nil {
			return err
		}
	}
	for _, entry := range entries {
		if own[entry.Name()] {
			continue
		}
		if err := copyEntry("/", config.Root, entry.Name(), entry.Name() == "dev"); err != nil {
			return err
		}
	}
	return nil
}

// copyEntry shows one entry of a directory in another one: a link as a link, all else as a mount.
func copyEntry(from string, to string, name string, writable bool) error {
	source, target := filepath.Join(from, name), filepath.Join(to, name)
	info, err := os.Lstat(source)
	if err != nil {
		return nil // gone, or not for us to see
	}
	if info.Mode()&os.ModeSymlink != 0 {
		aim, err := os.Readlink(source)
		if err != nil {
			return nil
		}
		if err := os.Symlink(aim, target); !errors.Is(err, os.ErrExist) {
			return err
		}
		return nil // a room that is made again, as for osmo-ctrl when it is started again
	}
	if err := makePoint(target, info.IsDir()); err != nil {
		return err
	}
	err = bind(source, target, writable)
	if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) {
		return nil // such as the home of another user on a network: it is an empty directory then
	}
	return err
}

func makePoint(path string, directory bool) error {
	if directory {
		if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		return nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		if _, missing := os.Lstat(path); missing == nil {
			return nil // it is there, and we may not read it
		}
		return err
	}
	return file.Close()
}

func bind(source string, target string, writable bool) error {
	if err := syscall.Mount(source, target, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return fmt.Errorf("%s at %s: %w", source, target, err)
	}
	if writable {
		return nil
	}
	return makeReadOnly(target)
}

// mountAttr is `struct mount_attr` of the kernel.
type mountAttr struct{ set, clear, propagation, userns uint64 }

func makeReadOnly(path string) error {
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	attributes := mountAttr{set: mountAttrRdonly}
	at := atFdcwd
	_, _, errno := syscall.Syscall6(sysMountSetattr, uintptr(at), uintptr(unsafe.Pointer(name)), atRecursive,
		uintptr(unsafe.Pointer(&attributes)), unsafe.Sizeof(attributes), 0)
	if errno != 0 {
		return fmt.Errorf("%s cannot be made read-only: %w", path, errno)
	}
	return nil
}

func changeRoot(root string) error {
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := syscall.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("the root cannot be changed: %w", err)
	}
	if err := syscall.Unmount(".", syscall.MNT_DETACH); err != nil {
		return err
	}
	return os.Chdir("/")
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
