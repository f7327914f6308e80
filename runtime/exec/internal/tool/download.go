package tool

import (
	"fmt"
	"os"
	"path"
	"strings"

	"osmo.dev/exec/internal/protocol"
)

// download makes the files that osmo-ctrl names below a directory, and nowhere else.
func (tool *Tool) download(socket *protocol.Socket, directory string) error {
	const folders = 0o777 // Less the umask.
	if err := os.MkdirAll(directory, folders); err != nil {
		return err
	}
	root, err := os.OpenRoot(directory)
	if err != nil {
		return err
	}
	defer root.Close()
	underWay := make(map[int]string)
	err = tool.listen(socket, func(said answer) error {
		name, exists := underWay[said.ID]
		switch {
		case said.Kind == kindDone && exists:
			delete(underWay, said.ID)
			return nil
		case said.Kind != kindFile || exists || len(underWay) == mostFiles:
			return fmt.Errorf("osmo-ctrl said %q of file %d %s out of turn", said.Kind, said.ID, name)
		}
		opened, err := create(root, said.file)
		if err != nil {
			return say(socket, protocol.Opened{Kind: kindOpened, ID: said.ID, Error: err.Error()})
		}
		underWay[said.ID] = said.Path
		return pass(socket, protocol.Opened{Kind: kindOpened, ID: said.ID}, opened)
	})
	for _, name := range underWay {
		// No half files.
		_ = root.Remove(name)
	}
	return err
}

// create makes a new file, also where there was one: a link is replaced and not followed, and who reads the old file
// keeps it.
func create(root *os.Root, wanted file) (*os.File, error) {
	if err := checkPath(wanted.Path); err != nil {
		return nil, err
	}
	for at, letter := range wanted.Path {
		const folder = 0o777
		if letter != '/' {
			continue
		}
		if err := root.Mkdir(wanted.Path[:at], folder); err != nil && !os.IsExist(err) {
			return nil, err
		}
	}
	if err := root.Remove(wanted.Path); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	const data, execute = 0o666, 0o111
	mode := os.FileMode(data | wanted.Mode&execute)
	return root.OpenFile(wanted.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
}

// checkPath lets pass only relative paths in their shortest form. A root would keep `..` inside too, but what it
// means there is nobody's intention.
func checkPath(name string) error {
	if name == "." || name == "" || path.IsAbs(name) || path.Clean(name) != name || strings.HasPrefix(name, "../") || name == ".." {
		return fmt.Errorf("%q is no path below the directory", name)
	}
	return nil
}
