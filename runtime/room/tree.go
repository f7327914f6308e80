//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const mostLinks = 40

// Tree is the room while it is built: paths in it are resolved as they will be when it is the root.
type Tree struct {
	root  string
	parts string
	count int
}

// resolve follows links as within the room. It gives the deepest directory or file that exists, and what is missing.
func (t *Tree) resolve(path string) (string, []string, error) {
	rest := split(path)
	at, links := "", 0
	for len(rest) > 0 {
		name := rest[0]
		if name == ".." {
			at, rest = parent(at), rest[1:]
			continue
		}
		next := at + "/" + name
		info, err := os.Lstat(t.root + next)
		if errors.Is(err, os.ErrNotExist) {
			return at, rest, nil
		}
		if err != nil {
			return "", nil, err
		}
		rest = rest[1:]
		if info.Mode()&os.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > mostLinks {
			return "", nil, syscall.ELOOP
		}
		aim, err := os.Readlink(t.root + next)
		if err != nil {
			return "", nil, err
		}
		if strings.HasPrefix(aim, "/") {
			at = ""
		}
		rest = append(split(aim), rest...)
	}
	return at, nil, nil
}

func split(path string) []string {
	var names []string
	for _, name := range strings.Split(path, "/") {
		if name != "" && name != "." {
			names = append(names, name)
		}
	}
	return names
}

func parent(path string) string {
	if path == "" {
		return ""
	}
	return path[:strings.LastIndexByte(path, '/')]
}

// place gives the path, outside the room, at which something can be mounted; directories and the file are made.
func (t *Tree) place(path string, directory bool) (string, error) {
	at, missing, err := t.resolve(path)
	if err != nil {
		return "", err
	}
	for n, name := range missing {
		if name == ".." {
			return "", fmt.Errorf("`..` of a directory that does not exist")
		}
		next := at + "/" + name
		isDirectory := directory || n < len(missing)-1
		err := makePoint(t.root+next, isDirectory)
		if errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.EACCES) {
			if err = t.replace(at); err == nil {
				err = makePoint(t.root+next, isDirectory)
			}
		}
		if err != nil {
			return "", err
		}
		at = next
	}
	return t.root + at, nil
}

// replace puts a new directory in the place of one of the host, with all that is in it: there is room in it then.
func (t *Tree) replace(path string) error {
	target := t.root + path
	// What is there is reached by a descriptor once something else lies on top.
	old, err := os.Open(target)
	if err != nil {
		return err
	}
	defer old.Close()
	names, err := old.Readdirnames(-1)
	if err != nil {
		return err
	}
	t.count++
	part := filepath.Join(t.parts, fmt.Sprint(t.count))
	if err := os.MkdirAll(part, 0o755); err != nil {
		return err
	}
	if err := bind(part, target, true); err != nil {
		return err
	}
	from := fmt.Sprintf("/proc/self/fd/%d", old.Fd())
	for _, name := range names {
		if err := copyEntry(from, target, name, false); err != nil {
			return err
		}
	}
	return nil
}

// hide leaves an empty directory or file in the place of one of the host.
func (t *Tree) hide(path string) error {
	at, missing, err := t.resolve(path)
	if err != nil || len(missing) > 0 {
		return err
	}
	target := t.root + at
	if isDirectory(target) {
		return syscall.Mount("tmpfs", target, "tmpfs", syscall.MS_RDONLY|syscall.MS_NOSUID|syscall.MS_NODEV, "mode=555,size=4k")
	}
	return bind("/dev/null", target, false)
}
