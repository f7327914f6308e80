package tool

import "osmo.dev/exec/internal/protocol"

// The tool and osmo-ctrl talk over /osmo/run/tool.sock: one JSON object a line, one request a connection. osmo-ctrl
// holds the credentials, and reads and writes no path that the tool names: the tool opens files with its user's
// rights and passes the descriptors. A descriptor comes with the first byte of its line. Each side closes its own
// copy; no more than 16 files may be under way, that is without `done`.
//
//	upload                                   download
//	tool  request                            tool  request
//	tool  file, with a descriptor to read    ctrl  file
//	ctrl  done, when it is stored or failed  tool  opened, with a descriptor to write, or an error
//	tool  end, after the last file           ctrl  done, when it is written
//	ctrl  result                             ctrl  result
//
// At a barrier the tool says `barrier` instead of a request, and nothing more; osmo-ctrl says `open` and `result`. It
// may take hours. A connection that is lost before `open` may be followed by another one with the same id.
//
// osmo-ctrl may say `text`, `progress` and `result` at any time; `result` is the last word. Where it is not 0, the
// tool removes files of a download that are not done. If the connection ends before, the request has failed, and
// osmo-ctrl gives it up.
type (
	// request opens a connection. The operations are data_upload, data_download, data_list (the target is a URL),
	// dataset_upload, dataset_download, dataset_info (the target is NAME or NAME:VERSION).
	request struct {
		Kind      string `json:"kind"`
		Version   int    `json:"version"`
		Operation string `json:"operation"`
		Target    string `json:"target"`
	}

	// barrierCall opens a connection too. Without a count it is the number of tasks in the group.
	barrierCall struct {
		Kind    string `json:"kind"`
		Version int    `json:"version"`
		ID      string `json:"id"` // 32 hex digits.
		Name    string `json:"name"`
		Count   *int   `json:"count"`
	}

	// file is one to read or to write. Its path is relative to the target or to the user's directory.
	file struct {
		Kind     string `json:"kind"`
		ID       int    `json:"id"`
		Path     string `json:"path"`
		Size     int64  `json:"size"`
		Modified int64  `json:"modified"` // Nanoseconds since 1970.
		Mode     int    `json:"mode"`
	}

	// end tells that all files have been named.
	end struct {
		Kind string `json:"kind"`
	}

	// answer is what osmo-ctrl says: of kind file, done (of a file), open (a barrier), text (a line for standard
	// output), progress (a line for standard error) or result (0, or 1 and an error).
	answer struct {
		file
		Text   string `json:"text"`
		Status int    `json:"status"`
		Error  string `json:"error"`
	}
)

const (
	dataUpload      = "data_upload"
	dataDownload    = "data_download"
	dataList        = "data_list"
	datasetUpload   = "dataset_upload"
	datasetDownload = "dataset_download"
	datasetInfo     = "dataset_info"
)

const (
	kindRequest  = "request"
	kindBarrier  = "barrier"
	kindOpen     = "open"
	kindFile     = "file"
	kindEnd      = "end"
	kindOpened   = "opened"
	kindDone     = "done"
	kindText     = "text"
	kindProgress = "progress"
	kindResult   = "result"
)

// mostFiles under way.
const mostFiles = 16

func readAnswer(socket *protocol.Socket) (answer, error) {
	line, err := socket.ReadLine()
	if err != nil {
		return answer{}, err
	}
	var said answer
	return said, protocol.Strict(line, &said)
}
