package agent

import (
	"fmt"

	"osmo.dev/exec/internal/files"
	"osmo.dev/exec/internal/protocol"
)

// list answers a request for the files below a path. It may take long, and is no part of the agent's own turn.
func list(link *link, request *protocol.List) {
	found, err := files.List(request.Path, request.Regex)
	listing := &protocol.Listing{ID: request.ID, Files: append([]protocol.ListedFile{}, found...)}
	if err == nil {
		err = link.send(listing, nil)
		if err == nil {
			return
		}
		err = fmt.Errorf("%s: %d files are too many: %w", request.Path, len(found), err)
	}
	_ = link.send(&protocol.Listing{ID: request.ID, Files: []protocol.ListedFile{}, Error: err.Error()}, nil)
}

// open answers a request for a file's descriptor.
func open(link *link, request *protocol.Open) {
	opened := &protocol.Opened{ID: request.ID}
	file, err := files.Open(request.Path)
	if err != nil {
		opened.Error = err.Error()
	}
	_ = link.send(opened, file)
}
