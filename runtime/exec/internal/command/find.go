package command

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Where container runtimes look if there is no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// ErrNotFound is a command that does not exist: 127. Any other error of Find is one that cannot be executed: 126.
var ErrNotFound = errors.New("command not found")

// Find gives the path of a command, by PATH unless it has a slash, as execvp(3) does: a file that may not be executed
// does not end the search.
func Find(name string, environment *Environment) (string, error) {
	if name == "" {
		return "", fmt.Errorf("%w: it is empty", ErrNotFound)
	}
	if strings.Contains(name, "/") {
		return name, executable(name)
	}
	path, exists := environment.Lookup("PATH")
	if !exists {
		path = defaultPath
	}
	failure := fmt.Errorf("%w: %s", ErrNotFound, name)
	for _, folder := range filepath.SplitList(path) {
		if folder == "" {
			folder = "."
		}
		candidate := folder + "/" + name
		err := executable(candidate)
		if err == nil {
			return candidate, nil
		}
		if !errors.Is(err, ErrNotFound) {
			failure = err
		}
	}
	return "", failure
}

func executable(path string) error {
	information, err := os.Stat(path)
	switch {
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w: %s", ErrNotFound, path)
	case err != nil:
		return err
	case information.IsDir():
		return fmt.Errorf("%s is a directory", path)
	}
	const mayExecute = 1
	if err := syscall.Access(path, mayExecute); err != nil {
		return &os.PathError{Op: "execute", Path: path, Err: err}
	}
	return nil
}
