package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"osmo.dev/exec/internal/protocol"
)

// runToEnd gives what the agent made of a command that ends well.
func (pod *pod) runToEnd(start *protocol.Start) *protocol.Ended {
	pod.Helper()
	ctrl, _ := pod.accept("", "waiting")
	ctrl.start(start)
	ended := ctrl.expectEnd(protocol.Exited, 0, "completed", 0)
	ctrl.finish(nil)
	pod.wait()
	return ended
}

func TestLinesAreCompleteAndOnce(t *testing.T) {
	const lines = 200_000
	pod := newPod(t).real()
	ended := pod.runToEnd(pod.shell(fmt.Sprintf("seq %d; seq %d >&2", lines, lines)))
	var want bytes.Buffer
	for number := 1; number <= lines; number++ {
		fmt.Fprintln(&want, number)
	}
	archived := pod.archived()
	for name, got := range map[string]string{
		"stdout": pod.stdout.String(), "stderr": pod.stderr.String(),
		"archived stdout": archived["stdout"], "archived stderr": archived["stderr"],
	} {
		if got != want.String() {
			t.Errorf("%s: %d bytes, want %d", name, len(got), want.Len())
		}
	}
	if ended.Log.Bytes != int64(2*want.Len()) || ended.Log.Missing != 0 || ended.Log.Segments < 2 {
		t.Errorf("log %+v", ended.Log)
	}
	for segment := range ended.Log.Segments {
		information, err := os.Stat(pod.path(fmt.Sprintf("run/log/%06d.log", segment)))
		if err != nil || information.Size() > 8<<20 {
			t.Errorf("segment %d: %v, %v", segment, information, err)
		}
	}
}

func TestAnyBytes(t *testing.T) {
	var all bytes.Buffer
	for value := range 256 {
		all.Write(bytes.Repeat([]byte{byte(value)}, 300))
	}
	all.WriteString("progress 1\rprogress 2\r\n\n\n")
	all.WriteString(strings.Repeat("x", 1<<20) + "\n")
	all.WriteString(strings.Repeat("y", 16384) + "\n" + strings.Repeat("z", 16385) + "\nno end")
	pod := newPod(t)
	if err := os.WriteFile(pod.path("bytes"), all.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	pod.real()
	ended := pod.runToEnd(pod.shell("cat " + pod.path("bytes")))
	if !bytes.Equal(pod.stdout.Bytes(), all.Bytes()) {
		t.Errorf("stdout has %d bytes, want %d", pod.stdout.Len(), all.Len())
	}
	if archived := pod.archived()["stdout"]; archived != all.String() {
		t.Errorf("archived %d bytes, want %d", len(archived), all.Len())
	}
	if ended.Log.Bytes != int64(all.Len()) {
		t.Errorf("log %+v", ended.Log)
	}
}

func TestMasks(t *testing.T) {
	pod := newPod(t)
	secrets := pod.path("secrets")
	if err := os.MkdirAll(filepath.Join(secrets, "..2026", "deep"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"..2026/token": "file-secret\n", "..2026/key": "BEGIN\nline-of-key\n{\n}\n"} {
		if err := os.WriteFile(filepath.Join(secrets, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"..data": "..2026", "token": "..data/token", "key": "..data/key"} {
		if err := os.Symlink(target, filepath.Join(secrets, link)); err != nil {
			t.Fatal(err)
		}
	}
	pod.agent("TOKEN=hunter2", "EMPTY=")
	start := pod.shell(`printf 'a hun'; sleep 0.2; echo 'ter2 b'; echo file-secret; echo "{ line-of-key }"; echo $OTHER >&2`)
	start.Environment = []protocol.Variable{{Name: "OTHER", Value: "other-value"}}
	start.Masks = protocol.Masks{Variables: []string{"TOKEN", "EMPTY", "MISSING", "OTHER"}, Directories: []string{secrets, "/none"}}
	pod.runToEnd(start)
	archived := pod.archived()
	if got := archived["stdout"]; got != "a [MASKED] b\n[MASKED]\n{ [MASKED] }\n" {
		t.Errorf("archived %q", got)
	}
	if got := archived["stderr"]; got != "[MASKED]\n" {
		t.Errorf("archived %q", got)
	}
	if got := pod.stdout.String(); got != "a hunter2 b\nfile-secret\n{ line-of-key }\n" {
		t.Errorf("stdout %q", got)
	}
}

// The command never waits for the log.
func TestNoRoomForTheLog(t *testing.T) {
	pod := newPod(t).real()
	start := pod.shell("seq 100000")
	start.Log = pod.path("nowhere")
	ended := pod.runToEnd(start)
	if ended.Log.Missing != ended.Log.Bytes || ended.Log.Bytes != 588895 || ended.Log.Segments != 0 {
		t.Errorf("log %+v", ended.Log)
	}
	if got := strings.Count(pod.stdout.String(), "\n"); got != 100000 {
		t.Errorf("%d lines", got)
	}
}

// A command whose reader is gone runs on; the archived log is complete.
func TestTheOwnStreamIsBroken(t *testing.T) {
	pod := newPod(t)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	pod.realTo(writer)
	writer.Close()
	pod.runToEnd(pod.shell("seq 10000"))
	if got := strings.Count(pod.archived()["stdout"], "\n"); got != 10000 {
		t.Errorf("%d lines", got)
	}
}

func TestOutputIsReadable(t *testing.T) {
	pod := newPod(t)
	outside := pod.path("outside")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	pod.real()
	output := pod.path("data/output")
	pod.runToEnd(pod.shell(`cd ` + output + `; umask 077; mkdir -p a/b locked; echo 1 > a/b/file; echo 2 > a/program; echo 3 > none
		chmod 0700 a/program; chmod 0 none; echo 4 > locked/file; chmod 0 locked; ln -s ` + outside + ` out; ln -s . loop; mkfifo pipe; ln -s nowhere lost
		mkdir "odd
name"; echo 5 > "odd
name/file"`))
	for name, want := range map[string]os.FileMode{
		"a": 0o755, "a/b": 0o755, "a/b/file": 0o644, "a/program": 0o755, "none": 0o444, "locked": 0o555, "locked/file": 0o644,
		"pipe": 0o600, "odd\nname/file": 0o644, "../../outside": 0o600,
	} {
		information, err := os.Lstat(filepath.Join(output, name))
		if err != nil {
			t.Error(err)
		} else if got := information.Mode().Perm(); got != want {
			t.Errorf("%s: mode %o, want %o", name, got, want)
		}
	}
}

func TestFilesOfTheContainer(t *testing.T) {
	pod := newPod(t)
	root := pod.path("checkpoints")
	if err := os.MkdirAll(root+"/sub/empty", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"b": "two", "sub/a.pt": "one"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"to-file": "b", "to-folder": "sub", "lost": "nowhere", "loop": "loop"} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(root+"/pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	pod.agent()
	ctrl, _ := pod.accept("", "waiting")
	for _, test := range []struct{ path, regex, want string }{
		{root, "", "b 3,sub/a.pt 3,to-file 3"},
		{root + "/", `.*\.pt$`, "sub/a.pt 3"},
		{root, "a", ""},
		{root + "/b", "", " 3"},
		{root + "/to-folder", "", "a.pt 3"},
		{root + "/none", "", "error"},
		{root, "(", "error"},
	} {
		ctrl.say(&protocol.List{ID: 4, Path: test.path, Regex: test.regex})
		listing := expect[*protocol.Listing](ctrl)
		var got []string
		for _, file := range listing.Files {
			got = append(got, fmt.Sprintf("%s %d", file.Path, file.Size))
			if file.Mode != 0o640 || file.Modified < 1.7e18 {
				t.Errorf("%+v", file)
			}
		}
		if listing.Error != "" {
			got = append(got, "error")
		}
		if text := strings.Join(got, ","); text != test.want || listing.ID != 4 {
			t.Errorf("%s, %s: got %s (%s), want %s", test.path, test.regex, text, listing.Error, test.want)
		}
	}
	for path, want := range map[string]string{root + "/sub/a.pt": "one", root + "/b/": "two", root + "/to-file": "two", root + "/pipe": "", root: "", "/none": ""} {
		ctrl.say(&protocol.Open{ID: 5, Path: path})
		text, failure := ctrl.opened()
		if text != want || (failure == "") != (want != "") {
			t.Errorf("%s: got %q, %q, want %q", path, text, failure, want)
		}
	}
}

// A listing that is longer than a message is an error, and not the end of the connection.
func TestTooManyFiles(t *testing.T) {
	pod := newPod(t)
	folder := pod.path(strings.Repeat("x", 200) + "/" + strings.Repeat("y", 200))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for number := range 9000 {
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%04d", number)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	pod.agent()
	ctrl, _ := pod.accept("", "waiting")
	ctrl.say(&protocol.List{ID: 1, Path: pod.root})
	listing := expect[*protocol.Listing](ctrl)
	if listing.ID != 1 || !strings.Contains(listing.Error, "too many") || len(listing.Files) != 0 {
		t.Errorf("%d files, %s", len(listing.Files), listing.Error)
	}
}

// opened reads the file whose descriptor comes with the answer.
func (ctrl *ctrl) opened() (text, failure string) {
	ctrl.Helper()
	line, rights := make([]byte, 4096), make([]byte, 64)
	count, rightsCount, _, _, err := ctrl.connection.ReadMsgUnix(line, rights)
	if err != nil {
		ctrl.Fatal(err)
	}
	message, err := protocol.FromAgent(bytes.TrimSuffix(line[:count], []byte("\n")))
	if err != nil {
		ctrl.Fatal(err)
	}
	opened := message.(*protocol.Opened)
	if rightsCount == 0 {
		return "", opened.Error
	}
	messages, err := syscall.ParseSocketControlMessage(rights[:rightsCount])
	if err != nil {
		ctrl.Fatal(err)
	}
	descriptors, err := syscall.ParseUnixRights(&messages[0])
	if err != nil || len(descriptors) != 1 {
		ctrl.Fatal(descriptors, err)
	}
	file := os.NewFile(uintptr(descriptors[0]), "opened")
	defer file.Close()
	var contents bytes.Buffer
	if _, err := contents.ReadFrom(file); err != nil {
		ctrl.Fatal(err)
	}
	return contents.String(), opened.Error
}
