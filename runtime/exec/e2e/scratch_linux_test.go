package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"osmo.dev/exec/internal/protocol"
)

// An image with nothing in it, neither /proc nor /dev, any user, and the agent as the first process.
func TestScratchImage(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("takes root")
	}
	const user = 12345
	pod := newPod(t)
	pod.listener.Close()
	image := pod.root
	pod.root = filepath.Join(image, "osmo")
	for _, folder := range []string{"osmo/run/log", "osmo/data/output", "osmo/bin"} {
		if err := os.MkdirAll(filepath.Join(image, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	binary, err := os.ReadFile(os.Getenv("OSMO_TEST_BINARY"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"osmo-exec", "osmo"} {
		if err := os.WriteFile(pod.path("bin/"+name), binary, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	pod.listen()
	for _, path := range []string{"run/log", "run/control.sock"} {
		if err := os.Chown(pod.path(path), user, user); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(image, 0o755); err != nil {
		t.Fatal(err)
	}

	pod.process = &exec.Cmd{
		Path:   "/osmo/bin/osmo-exec",
		Env:    []string{"OSMO_TERMINATION_LOG=/osmo/run/log/termination"},
		Dir:    "/",
		Stdout: &pod.stdout,
		Stderr: &pod.stderr,
		SysProcAttr: &syscall.SysProcAttr{
			Chroot:     image,
			Cloneflags: syscall.CLONE_NEWPID,
			Credential: &syscall.Credential{Uid: user, Gid: user},
		},
	}
	if err := pod.process.Start(); err != nil {
		t.Skip(err)
	}
	go func() {
		_ = pod.process.Wait()
		close(pod.exited)
	}()
	ctrl, _ := pod.accept("", "waiting")

	// What a process that is not dumpable shows belongs to root, so nobody can look into it.
	information, err := os.Stat(fmt.Sprintf("/proc/%d/environ", pod.process.Process.Pid))
	if err != nil || information.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Errorf("the agent is dumpable: %v", err)
	}
	start := pod.shell("")
	start.Command, start.Args = []string{"osmo"}, []string{"version"}
	start.Environment = []protocol.Variable{{Name: "PATH", Value: "/osmo/bin"}}
	start.Output, start.Log = "/osmo/data/output", "/osmo/run/log"
	ctrl.start(start)
	ctrl.expectEnd(protocol.Exited, 0, "completed", 0)

	again := *start
	again.Epoch, again.Args = 2, []string{"data", "list", "s3://bucket"}
	ctrl.start(&again)
	ctrl.expectEnd(protocol.Exited, 1, "failed", 1)
	pod.signal(syscall.SIGTERM)
	expect[*protocol.Terminating](ctrl)
	ctrl.finish(nil)
	if got := pod.wait(); got != 1 || pod.stdout.String() != "osmo 0.1.0\n" {
		t.Errorf("exit code %d, stdout %q, stderr %q", got, &pod.stdout, &pod.stderr)
	}
	if got := pod.archived()["stdout"]; got != "osmo 0.1.0\n" {
		t.Errorf("archived %q", got)
	}
	if got, want := pod.read("run/log/termination"), last(1, 1, "run", "exited", "failed"); got != want {
		t.Errorf("termination message %s", got)
	}
}
