package tool

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for _, test := range []struct {
		arguments string
		want      *order
	}{
		{"data upload a b s3://x/y", &order{dataUpload, "s3://x/y", []string{"a", "b"}, ""}},
		{"data upload s3://x/y a b", &order{dataUpload, "s3://x/y", []string{"a", "b"}, ""}},
		{"data upload a b", nil},
		{"data upload s3://x/y", nil},
		{"data download s3://x/y d", &order{dataDownload, "s3://x/y", nil, "d"}},
		{"data download d s3://x/y", nil},
		{"data download s3://x/y", nil},
		{"data list s3://x", &order{dataList, "s3://x", nil, ""}},
		{"data list s3://x more", nil},
		{"data delete s3://x", nil},
		{"dataset upload n:t a b", &order{datasetUpload, "n:t", []string{"a", "b"}, ""}},
		{"dataset download n:3 d", &order{datasetDownload, "n:3", nil, "d"}},
		{"dataset info n", &order{datasetInfo, "n", nil, ""}},
		{"dataset info", nil},
		{"dataset info --help", nil},
		{"data", nil},
		{"", nil},
	} {
		got, understood := parse(strings.Fields(test.arguments))
		if understood != (test.want != nil) || test.want != nil && !reflect.DeepEqual(got, *test.want) {
			t.Errorf("%s: got %+v, %v", test.arguments, got, understood)
		}
	}
}

// ctrl is the other side of one request.
type ctrl struct {
	*testing.T
	connection *net.UnixConn
	pending    []byte
	rights     []int
}

func (ctrl *ctrl) say(values map[string]any) {
	line, err := json.Marshal(values)
	if err != nil {
		panic(err)
	}
	_, _ = ctrl.connection.Write(append(line, '\n'))
}

// hear gives the next message, and its descriptor if it has one.
func (ctrl *ctrl) hear() (map[string]any, *os.File) {
	for !bytes.Contains(ctrl.pending, []byte("\n")) {
		text, rights := make([]byte, 1), make([]byte, 64)
		count, rightsCount, _, _, err := ctrl.connection.ReadMsgUnix(text, rights)
		if err != nil || count == 0 {
			return nil, nil
		}
		ctrl.pending = append(ctrl.pending, text...)
		if rightsCount > 0 {
			messages, _ := syscall.ParseSocketControlMessage(rights[:rightsCount])
			descriptors, _ := syscall.ParseUnixRights(&messages[0])
			ctrl.rights = append(ctrl.rights, descriptors...)
		}
	}
	var message map[string]any
	if err := json.Unmarshal(ctrl.pending, &message); err != nil {
		ctrl.Errorf("%q: %v", ctrl.pending, err)
	}
	ctrl.pending = nil
	if len(ctrl.rights) == 0 {
		return message, nil
	}
	descriptor := os.NewFile(uintptr(ctrl.rights[0]), "passed")
	ctrl.rights = nil
	return message, descriptor
}

// ask runs the tool against a stand-in for osmo-ctrl.
func ask(t *testing.T, handle func(*ctrl), arguments ...string) (status int, stdout, stderr string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if connection, err := listener.AcceptUnix(); err == nil {
			defer connection.Close()
			_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
			handle(&ctrl{T: t, connection: connection})
		}
	}()
	var out, errors bytes.Buffer
	status = (&Tool{Socket: path, Version: "1", Stdout: &out, Stderr: &errors}).Run(arguments)
	listener.Close()
	<-ended
	return status, out.String(), errors.String()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
}

func TestUsage(t *testing.T) {
	for arguments, want := range map[string]int{"version": 0, "help": 0, "": 2, "data": 2, "barrier x y": 2} {
		if status, _, _ := ask(t, func(*ctrl) {}, strings.Fields(arguments)...); status != want {
			t.Errorf("%q: status %d", arguments, status)
		}
	}
}

func TestListAndFailures(t *testing.T) {
	status, stdout, stderr := ask(t, func(ctrl *ctrl) {
		request, _ := ctrl.hear()
		if text := fmt.Sprint(request); text != "map[kind:request operation:data_list target:s3://x version:1]" {
			t.Error(text)
		}
		ctrl.say(map[string]any{"kind": "progress", "text": "looking"})
		ctrl.say(map[string]any{"kind": "text", "text": "a 1"})
		ctrl.say(map[string]any{"kind": "result", "status": 0})
	}, "data", "list", "s3://x")
	if status != 0 || stdout != "a 1\n" || stderr != "looking\n" {
		t.Error(status, stdout, stderr)
	}
	for title, answer := range map[string]map[string]any{
		"osmo: not allowed\n":                                        {"kind": "result", "status": 1, "error": "not allowed"},
		"osmo: osmo-ctrl said no last word: EOF\n":                   nil,
		"osmo: osmo-ctrl said \"file\", which has no meaning here\n": {"kind": "file", "id": 1, "path": "x"},
	} {
		status, _, stderr := ask(t, func(ctrl *ctrl) {
			ctrl.hear()
			if answer != nil {
				ctrl.say(answer)
			}
		}, "dataset", "info", "x")
		if status != 1 || stderr != title {
			t.Errorf("status %d, %q, want %q", status, stderr, title)
		}
	}
	if status, _, stderr := ask(t, func(*ctrl) {}, "data", "upload", "/none", "s3://x"); status != 1 || !strings.Contains(stderr, "/none") {
		t.Error(status, stderr)
	}
}

func TestUpload(t *testing.T) {
	root := t.TempDir()
	want := make(map[string]string)
	for number := range 40 {
		name := fmt.Sprintf("d/%02d", number)
		write(t, filepath.Join(root, name), "text of "+name)
		want[name] = "text of " + name
	}
	write(t, filepath.Join(root, "e/f/g"), "g")
	write(t, filepath.Join(root, "single"), "s")
	want["f/g"], want["single"] = "g", "s"
	got := make(map[string]string)
	status, _, stderr := ask(t, func(ctrl *ctrl) {
		ctrl.hear()
		var waiting []any
		for {
			message, descriptor := ctrl.hear()
			if message == nil || message["kind"] == "end" {
				break
			}
			text, _ := io.ReadAll(descriptor)
			descriptor.Close()
			got[message["path"].(string)] = string(text)
			if waiting = append(waiting, message["id"]); len(waiting) > mostFiles {
				t.Error("too many files are under way")
			}
			if len(waiting) == mostFiles {
				for _, id := range waiting {
					ctrl.say(map[string]any{"kind": "done", "id": id})
				}
				waiting = nil
			}
		}
		ctrl.say(map[string]any{"kind": "result", "status": 0})
	}, "data", "upload", root+"/d", root+"/e/", root+"/single", "s3://x")
	if status != 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("status %d, %s, got %v", status, stderr, got)
	}
	status, _, stderr = ask(t, func(*ctrl) {}, "data", "upload", root+"/d", root+"/d", "s3://x")
	if status != 1 || !strings.Contains(stderr, "would both be d/00") {
		t.Error(status, stderr)
	}
}

func TestDownload(t *testing.T) {
	root := t.TempDir()
	target := filepath.Join(root, "target")
	write(t, filepath.Join(root, "outside/victim"), "old")
	write(t, filepath.Join(target, "replaced"), "old")
	for link, to := range map[string]string{"folder": "../outside", "link": "../outside/victim"} {
		if err := os.Symlink(to, filepath.Join(target, link)); err != nil {
			t.Fatal(err)
		}
	}
	refused := make(map[string]bool)
	status, _, stderr := ask(t, func(ctrl *ctrl) {
		ctrl.hear()
		for id, name := range []string{
			"a", "deep/b/c", "replaced", "link", "folder/victim", "folder/new", "../x", "/etc/x", "a/../y", "", ".", "..", "deep/../../z", "replaced/x",
		} {
			ctrl.say(map[string]any{"kind": "file", "id": id, "path": name, "mode": 0o755})
			message, descriptor := ctrl.hear()
			if message["error"] != "" {
				refused[name] = true
				continue
			}
			fmt.Fprintf(descriptor, "new %s", name)
			descriptor.Close()
			ctrl.say(map[string]any{"kind": "done", "id": id})
		}
		ctrl.say(map[string]any{"kind": "result", "status": 0})
	}, "data", "download", "s3://x", target)
	if status != 0 || len(refused) != 10 {
		t.Errorf("status %d, %s, refused %v", status, stderr, refused)
	}
	for name, want := range map[string]string{
		"target/a": "new a", "target/deep/b/c": "new deep/b/c", "target/replaced": "new replaced", "target/link": "new link", "outside/victim": "old",
	} {
		if text, err := os.ReadFile(filepath.Join(root, name)); string(text) != want {
			t.Errorf("%s: got %q, %v", name, text, err)
		}
	}
}

func TestDownloadLeavesNoHalfFiles(t *testing.T) {
	target := t.TempDir()
	status, _, stderr := ask(t, func(ctrl *ctrl) {
		ctrl.hear()
		for id, name := range []string{"done", "half"} {
			ctrl.say(map[string]any{"kind": "file", "id": id, "path": name})
			_, descriptor := ctrl.hear()
			fmt.Fprint(descriptor, "text")
			descriptor.Close()
		}
		ctrl.say(map[string]any{"kind": "done", "id": 0})
		ctrl.say(map[string]any{"kind": "result", "status": 1, "error": "away"})
	}, "dataset", "download", "x:1", target)
	entries, _ := os.ReadDir(target)
	if status != 1 || len(entries) != 1 || entries[0].Name() != "done" {
		t.Error(status, entries, stderr)
	}
}

func TestDownloadBoundsFilesUnderWay(t *testing.T) {
	status, _, stderr := ask(t, func(ctrl *ctrl) {
		ctrl.hear()
		for id := range mostFiles + 1 {
			ctrl.say(map[string]any{"kind": "file", "id": id, "path": fmt.Sprint(id)})
			if _, descriptor := ctrl.hear(); descriptor != nil {
				descriptor.Close()
			}
		}
	}, "data", "download", "s3://x", t.TempDir())
	if status != 1 || !strings.Contains(stderr, "out of turn") {
		t.Error(status, stderr)
	}
}
