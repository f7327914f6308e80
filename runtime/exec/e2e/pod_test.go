// Package e2e has tests only: a stand-in for osmo-ctrl talks to the agent as it is built.
package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"syscall"
	"testing"
	"time"

	"osmo.dev/exec/internal/agent"
	"osmo.dev/exec/internal/protocol"
)

const key = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// Longest that anything may take.
const patience = 20 * time.Second

// asAgent makes the test binary an agent with short times: then `go test -race` sees the agent too.
const asAgent = "OSMO_TEST_AGENT"

func TestMain(m *testing.M) {
	if os.Getenv(asAgent) != "" {
		settings := agent.SettingsOf(withoutVariable(os.Environ(), asAgent))
		settings.Reconnect = time.Second
		settings.Leftovers = 300 * time.Millisecond
		settings.Drain = 300 * time.Millisecond
		settings.SegmentSize = 1024 * 1024
		settings.ControlGroup = os.Getenv("OSMO_TEST_CONTROL_GROUP")
		os.Exit(agent.Run(settings))
	}
	folder, err := os.MkdirTemp("", "osmo-exec")
	if err != nil {
		panic(err)
	}
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", folder+"/osmo-exec", "osmo.dev/exec")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		panic(string(output))
	}
	os.Setenv("OSMO_TEST_BINARY", folder+"/osmo-exec")
	os.Unsetenv("PYTHONPATH")
	status := m.Run()
	os.RemoveAll(folder)
	os.Exit(status)
}

func withoutVariable(entries []string, name string) []string {
	var kept []string
	for _, entry := range entries {
		if !strings.HasPrefix(entry, name+"=") {
			kept = append(kept, entry)
		}
	}
	return kept
}

// pod is the world of one agent.
type pod struct {
	testing.TB
	root           string
	process        *exec.Cmd
	stdout, stderr bytes.Buffer
	exited         chan struct{}
	listener       *net.UnixListener
}

// newPod has directories and a listener, and no agent yet.
func newPod(t testing.TB) *pod {
	t.Helper()
	if test, is := t.(*testing.T); is {
		test.Parallel()
	}
	root, err := os.MkdirTemp("", "pod")
	if err != nil {
		t.Fatal(err)
	}
	pod := &pod{TB: t, root: root, exited: make(chan struct{})}
	for _, folder := range []string{"run/log", "data/output"} {
		if err := os.MkdirAll(pod.path(folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	pod.listen()
	t.Cleanup(func() {
		pod.listener.Close()
		if pod.process != nil {
			_ = pod.process.Process.Kill()
			<-pod.exited
		}
		os.RemoveAll(root)
	})
	return pod
}

func (pod *pod) path(name string) string { return filepath.Join(pod.root, name) }

func (pod *pod) listen() {
	pod.Helper()
	address := &net.UnixAddr{Name: pod.path("run/control.sock"), Net: "unix"}
	listener, err := net.ListenUnix("unix", address)
	if err != nil {
		pod.Fatal(err)
	}
	pod.listener = listener
}

// agent starts one with short times.
func (pod *pod) agent(environment ...string) *pod {
	pod.Helper()
	return pod.launch(os.Args[0], &pod.stdout, append(environment, asAgent+"=1")...)
}

// real starts the binary as it is shipped.
func (pod *pod) real(environment ...string) *pod {
	pod.Helper()
	return pod.launch(os.Getenv("OSMO_TEST_BINARY"), &pod.stdout, environment...)
}

// realTo starts the binary with another standard output.
func (pod *pod) realTo(stdout *os.File, environment ...string) *pod {
	pod.Helper()
	return pod.launch(os.Getenv("OSMO_TEST_BINARY"), stdout, environment...)
}

func (pod *pod) launch(program string, stdout io.Writer, environment ...string) *pod {
	pod.Helper()
	pod.process = exec.Command(program)
	pod.process.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "OSMO_ROOT=" + pod.root, "OSMO_TERMINATION_LOG=" + pod.path("termination"),
	}, environment...)
	pod.process.Stdout, pod.process.Stderr = stdout, &pod.stderr
	if err := pod.process.Start(); err != nil {
		pod.Fatal(err)
	}
	go func() {
		_ = pod.process.Wait()
		close(pod.exited)
	}()
	return pod
}

func (pod *pod) signal(signal os.Signal) {
	pod.Helper()
	if err := pod.process.Process.Signal(signal); err != nil {
		pod.Fatal(err)
	}
}

// wait gives the exit code.
func (pod *pod) wait() int {
	pod.Helper()
	select {
	case <-pod.exited:
	case <-time.After(patience):
		pod.Fatalf("the agent does not end; stderr: %s", tail(pod.stderr.String()))
	}
	return pod.process.ProcessState.ExitCode()
}

func tail(text string) string { return text[max(0, len(text)-2000):] }

func (pod *pod) expectExit(want int, termination string) {
	pod.Helper()
	if got := pod.wait(); got != want {
		pod.Errorf("exit code %d, want %d", got, want)
	}
	if got := pod.read("termination"); got != termination {
		pod.Errorf("termination message %s, want %s", got, termination)
	}
}

func (pod *pod) read(name string) string {
	pod.Helper()
	text, err := os.ReadFile(pod.path(name))
	if err != nil {
		pod.Fatal(err)
	}
	return string(text)
}

// await waits for a file that the command makes.
func (pod *pod) await(name string) string {
	pod.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if text, err := os.ReadFile(pod.path(name)); err == nil && strings.HasSuffix(string(text), "\n") {
			return strings.TrimSpace(string(text))
		}
	}
	pod.Fatalf("%s does not turn up", name)
	return ""
}

// archived reads both streams from the segments.
func (pod *pod) archived() map[string]string {
	pod.Helper()
	names, err := filepath.Glob(pod.path("run/log/*.log"))
	if err != nil {
		pod.Fatal(err)
	}
	sort.Strings(names)
	shape := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (stdout|stderr) ([FP]) `)
	streams := map[string]*bytes.Buffer{"stdout": {}, "stderr": {}}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			pod.Fatal(err)
		}
		for _, line := range bytes.SplitAfter(text, []byte("\n")) {
			if len(line) == 0 {
				continue
			}
			found := shape.FindSubmatch(line)
			if found == nil || !bytes.HasSuffix(line, []byte("\n")) {
				pod.Fatalf("%s: odd line %.100q", name, line)
			}
			content := line[len(found[0]):]
			if string(found[2]) == "P" {
				content = content[:len(content)-1]
			}
			streams[string(found[1])].Write(content)
		}
	}
	return map[string]string{"stdout": streams["stdout"].String(), "stderr": streams["stderr"].String()}
}

// ctrl is one connection of the agent.
type ctrl struct {
	*pod
	socket     *protocol.Socket
	connection *net.UnixConn
}

// accept takes a connection, and checks its key, and its state unless that is empty.
func (pod *pod) accept(wantKey, wantState string) (*ctrl, *protocol.Hello) {
	pod.Helper()
	_ = pod.listener.SetDeadline(time.Now().Add(patience))
	connection, err := pod.listener.AcceptUnix()
	if err != nil {
		pod.Fatal(err)
	}
	ctrl := &ctrl{pod: pod, connection: connection, socket: protocol.NewSocket(duplicate(connection))}
	pod.Cleanup(ctrl.hangUp)
	hello := expect[*protocol.Hello](ctrl)
	if wantState == "" {
		wantState = hello.State
	}
	if hello.Key != wantKey || hello.State != wantState || hello.Version != protocol.Version {
		pod.Fatalf("hello with key %q and state %q, want %q and %q", hello.Key, hello.State, wantKey, wantState)
	}
	ctrl.say(&protocol.Welcome{Version: protocol.Version, Key: key})
	return ctrl, hello
}

// duplicate gives what package protocol takes.
func duplicate(connection *net.UnixConn) *os.File {
	raw, err := connection.SyscallConn()
	if err != nil {
		panic(err)
	}
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	descriptor := -1
	_ = raw.Control(func(original uintptr) {
		descriptor, err = syscall.Dup(int(original))
	})
	if err != nil {
		panic(err)
	}
	syscall.CloseOnExec(descriptor)
	return os.NewFile(uintptr(descriptor), "control")
}

// vanish is the end of osmo-ctrl and its socket.
func (pod *pod) vanish(ctrl *ctrl) {
	pod.listener.Close()
	if ctrl != nil {
		ctrl.hangUp()
	}
}

func (ctrl *ctrl) hangUp() {
	_ = ctrl.connection.CloseWrite()
	_ = ctrl.connection.Close()
	ctrl.socket.Close()
}

func (ctrl *ctrl) say(message protocol.Message) {
	ctrl.Helper()
	line, err := protocol.Encode(message)
	if err != nil {
		ctrl.Fatal(err)
	}
	ctrl.sayLine(string(line))
}

func (ctrl *ctrl) sayLine(line string) {
	ctrl.Helper()
	if _, err := ctrl.connection.Write([]byte(line)); err != nil {
		ctrl.Fatal(err)
	}
}

func expect[Kind protocol.Message](ctrl *ctrl) Kind {
	ctrl.Helper()
	_ = ctrl.socket.File().SetReadDeadline(time.Now().Add(patience))
	line, err := ctrl.socket.ReadLine()
	if err != nil {
		ctrl.Fatalf("no message: %v; stderr: %s", err, tail(ctrl.stderr.String()))
	}
	message, err := protocol.FromAgent(line)
	if err != nil {
		ctrl.Fatal(err)
	}
	wanted, is := message.(Kind)
	if !is {
		ctrl.Fatalf("got %s", line)
	}
	return wanted
}

// expectEnd hears how the command ended.
func (ctrl *ctrl) expectEnd(cause protocol.Cause, code int, outcome protocol.Outcome, exit int) *protocol.Ended {
	ctrl.Helper()
	ended := expect[*protocol.Ended](ctrl)
	if ended.Cause != cause || ended.Code != code || ended.Outcome != outcome || ended.Exit != exit {
		text, _ := json.Marshal(ended)
		ctrl.Errorf("got %s, want %s %d %s %d", text, cause, code, outcome, exit)
	}
	return ended
}

// shell is a start of a script, whose dollars are not for the agent.
func (pod *pod) shell(script string) *protocol.Start {
	return &protocol.Start{
		Epoch:       1,
		Command:     []string{"sh", "-c"},
		Args:        []string{strings.ReplaceAll(script, "$", "$$")},
		Environment: []protocol.Variable{},
		ExitActions: []protocol.ExitAction{},
		Grace:       0.5,
		Output:      pod.path("data/output"),
		Log:         pod.path("run/log"),
		Masks:       protocol.Masks{Variables: []string{}, Directories: []string{}},
	}
}

func (ctrl *ctrl) start(start *protocol.Start) {
	ctrl.Helper()
	ctrl.say(start)
	if started := expect[*protocol.Started](ctrl); started.Epoch != start.Epoch {
		ctrl.Fatalf("epoch %d", started.Epoch)
	}
}

func (ctrl *ctrl) finish(failure *protocol.Failure) { ctrl.say(&protocol.Finish{Failure: failure}) }

func last(code, exit int, phase, cause, outcome string) string {
	return fmt.Sprintf(`{"code":%d,"exit":%d,"phase":%q,"cause":%q,"outcome":%q}`, code, exit, phase, cause, outcome)
}
