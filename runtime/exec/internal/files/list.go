// Package files reads and writes files with the rights of the user's container.
package files

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"unicode/utf8"

	"osmo.dev/exec/internal/protocol"
)

// List gives the regular files below a path, relative to it, in the order of their names. Links to files count as
// files; those to directories, and those that lead nowhere, are left out. The path may itself be a link, or a file,
// which is then listed with an empty path.
//
// The expression must match from the start of the relative path. It is one of Go: osmo-ctrl, whose expressions are
// Python's, applies those by itself.
func List(root, expression string) ([]protocol.ListedFile, error) {
	pattern, err := regexp.Compile("^(?:" + expression + ")")
	if err != nil {
		return nil, err
	}
	root, err = filepath.EvalSymlinks(root)
	if err != nil {
		return nil, err
	}
	var listed []protocol.ListedFile
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // Removed meanwhile.
		}
		if err != nil || entry.IsDir() {
			return err
		}
		information, err := os.Stat(path)
		if err != nil && (os.IsNotExist(err) || entry.Type()&fs.ModeSymlink != 0) {
			return nil
		}
		if err != nil || !information.Mode().IsRegular() {
			return err
		}
		relative := ""
		if path != root {
			relative = path[len(root):]
			for relative[0] == '/' {
				relative = relative[1:]
			}
		}
		if !utf8.ValidString(relative) {
			return fmt.Errorf("%q: the name is not UTF-8", path)
		}
		if pattern.MatchString(relative) {
			listed = append(listed, describe(relative, information))
		}
		return nil
	})
	return listed, err
}

func describe(relative string, information fs.FileInfo) protocol.ListedFile {
	mode := int(information.Mode().Perm())
	if status, is := information.Sys().(*syscall.Stat_t); is {
		mode = int(status.Mode) & 0o7777
	}
	return protocol.ListedFile{
		Path:     relative,
		Size:     information.Size(),
		Modified: information.ModTime().UnixNano(),
		Mode:     mode,
	}
}

// Open gives a regular file for reading. It does not wait for the writer of a pipe.
func Open(path string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Clean(path), os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	information, err := file.Stat()
	if err == nil && !information.Mode().IsRegular() {
		err = &os.PathError{Op: "open", Path: path, Err: syscall.EINVAL}
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}
