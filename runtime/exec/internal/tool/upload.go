package tool

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"osmo.dev/exec/internal/files"
	"osmo.dev/exec/internal/protocol"
)

// source is one file to upload.
type source struct {
	path string // In the container.
	file file
}

// findSources walks all sources, so that a wrong name fails before anything is stored.
func findSources(roots []string) ([]source, error) {
	var sources []source
	names := make(map[string]string)
	for _, root := range roots {
		listed, err := files.List(root, "")
		if err != nil {
			return nil, err
		}
		prefix := filepath.Base(root)
		if strings.HasSuffix(root, "/") || prefix == "." || prefix == ".." {
			prefix = ""
		}
		for _, found := range listed {
			name := path.Join(prefix, found.Path)
			if name == "" {
				name = filepath.Base(root)
			}
			place := filepath.Join(root, found.Path)
			if other, exists := names[name]; exists {
				return nil, fmt.Errorf("%s and %s would both be %s", other, place, name)
			}
			names[name] = place
			sources = append(sources, source{place, file{kindFile, len(sources), name, found.Size, found.Modified, found.Mode}})
		}
	}
	if len(roots) > 0 && len(sources) == 0 {
		return nil, fmt.Errorf("there are no files in %s", strings.Join(roots, ", "))
	}
	return sources, nil
}

func (tool *Tool) upload(socket *protocol.Socket, sources []source) error {
	room := make(chan struct{}, mostFiles)
	failed := make(chan error, 1)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		if err := offer(socket, sources, room, stop); err != nil {
			failed <- err
			socket.Close()
		}
	}()
	err := tool.listen(socket, func(said answer) error {
		if said.Kind != kindDone {
			return fmt.Errorf("osmo-ctrl said %q during an upload", said.Kind)
		}
		select {
		case <-room:
			return nil
		default:
			return fmt.Errorf("osmo-ctrl says that file %d is done, and none is under way", said.ID)
		}
	})
	select {
	case own := <-failed:
		return own
	default:
		return err
	}
}

// offer passes on one file after another while there is room.
func offer(socket *protocol.Socket, sources []source, room chan<- struct{}, stop <-chan struct{}) error {
	for _, source := range sources {
		select {
		case room <- struct{}{}:
		case <-stop:
			return nil
		}
		opened, err := files.Open(source.path)
		if err != nil {
			return err
		}
		if err := pass(socket, source.file, opened); err != nil {
			return fmt.Errorf("%s: %w", source.path, err)
		}
	}
	return say(socket, end{kindEnd})
}

// pass sends a line with a descriptor, and closes it.
func pass(socket *protocol.Socket, message any, descriptor *os.File) error {
	defer descriptor.Close()
	line, err := protocol.Line(message)
	if err != nil {
		return err
	}
	return socket.Write(line, descriptor)
}
