package e2e

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"osmo.dev/exec/internal/protocol"
)

func TestEndsOfCommands(t *testing.T) {
	for _, test := range []struct {
		title, script string
		cause         protocol.Cause
		code          int
		outcome       protocol.Outcome
		exit          int
	}{
		{"success", "exit 0", protocol.Exited, 0, "completed", 0},
		{"failure", "exit 3", protocol.Exited, 3, "failed", 3},
		{"the highest", "exit 255", protocol.Exited, 255, "failed", 255},
		{"one of the system", "exit 250", protocol.Exited, 250, "failed", 239},
		{"one of Argo", "exit 64", protocol.Exited, 64, "failed", 239},
		{"TERM", "kill -TERM $$", protocol.Signaled, 143, "failed", 143},
		{"KILL", "kill -KILL $$", protocol.Signaled, 137, "failed", 137},
		{"SEGV", "kill -SEGV $$", protocol.Signaled, 139, "failed", 139},
	} {
		t.Run(test.title, func(t *testing.T) {
			pod := newPod(t).real()
			ctrl, _ := pod.accept("", "waiting")
			ctrl.start(pod.shell("echo to stdout; echo to stderr >&2; " + test.script))
			ended := ctrl.expectEnd(test.cause, test.code, test.outcome, test.exit)
			if ended.Log.Bytes != 20 || ended.Log.Missing != 0 || ended.Log.Segments != 1 {
				t.Errorf("log %+v", ended.Log)
			}
			if ended.StartedAt < 1.7e9 || ended.EndedAt < ended.StartedAt || ended.Usage.PeakMemory < 100_000 {
				t.Errorf("%+v", ended)
			}
			ctrl.finish(nil)
			pod.expectExit(test.exit, last(test.code, test.exit, "run", string(test.cause), string(test.outcome)))
			if pod.stdout.String() != "to stdout\n" || pod.stderr.String() != "to stderr\n" {
				t.Errorf("stdout %q, stderr %q", &pod.stdout, &pod.stderr)
			}
			archived := pod.archived()
			if archived["stdout"] != "to stdout\n" || archived["stderr"] != "to stderr\n" {
				t.Errorf("archived %q", archived)
			}
		})
	}
}

func TestCommandsThatCannotStart(t *testing.T) {
	for _, test := range []struct {
		title, name, contents string
		mode                  os.FileMode
		cause                 protocol.Cause
		code                  int
	}{
		{"nowhere", "", "", 0, protocol.NotFound, 127},
		{"no program", "plain", "#!/bin/sh\n", 0o644, protocol.NotExecutable, 126},
		{"no interpreter", "script", "#!/nowhere/sh\n", 0o755, protocol.NotFound, 127},
		{"another machine", "strange", "\x7fELF strange", 0o755, protocol.NotExecutable, 126},
	} {
		t.Run(test.title, func(t *testing.T) {
			pod := newPod(t).agent()
			path := pod.path("nowhere")
			if test.name != "" {
				path = pod.path(test.name)
				if err := os.WriteFile(path, []byte(test.contents), test.mode); err != nil {
					t.Fatal(err)
				}
			}
			ctrl, _ := pod.accept("", "waiting")
			start := pod.shell("")
			start.Command, start.Args = []string{path}, nil
			ctrl.say(start)
			ctrl.expectEnd(test.cause, test.code, "failed", test.code)
			ctrl.say(start)
			ctrl.expectEnd(test.cause, test.code, "failed", test.code)
			ctrl.finish(nil)
			if got := pod.wait(); got != test.code {
				t.Errorf("exit code %d", got)
			}
			if text := pod.stderr.String(); !strings.HasPrefix(text, "osmo-exec: ") || pod.archived()["stderr"] != text {
				t.Errorf("stderr %q, archived %q", text, pod.archived())
			}
			if text := pod.read("termination"); !strings.Contains(text, `"reason":`) || !strings.Contains(text, path) {
				t.Errorf("termination message %s", text)
			}
		})
	}
}

// The command finds what it would find without the agent: descriptors, environment, signals, no agent to look into.
func TestSurroundingsOfTheCommand(t *testing.T) {
	pod := newPod(t)
	// One that a careless container runtime leaves open.
	leak, err := os.Create(pod.path("leaked"))
	if err != nil {
		t.Fatal(err)
	}
	defer leak.Close()
	if _, _, failure := syscall.Syscall(syscall.SYS_FCNTL, leak.Fd(), syscall.F_SETFD, 0); failure != 0 {
		t.Fatal(failure)
	}
	pod.agent("GIVEN=container", "OTHER=$(GIVEN)")
	ctrl, _ := pod.accept("", "waiting")
	start := pod.shell(`
		ls -l /proc/$$/fd | grep -cE 'leaked|socket|eventpoll'; readlink /proc/$$/fd/0
		grep -E 'SigBlk|SigIgn' /proc/$$/status | tr '\n' ' '
		awk '{print ($1 == $5) " own group"}' /proc/$$/stat
		env | grep -E 'OSMO|GIVEN|NEW|OTHER' | sort
		echo "$0 $1"`)
	start.Args = append(start.Args, "$(NEW)", "$(UNKNOWN) $$(NEW)")
	start.Environment = []protocol.Variable{{Name: "GIVEN", Value: "task"}, {Name: "NEW", Value: "<$(GIVEN)>"}}
	ctrl.start(start)
	ctrl.expectEnd(protocol.Exited, 0, "completed", 0)
	ctrl.finish(nil)
	pod.wait()
	want := strings.Join([]string{
		"0", "/dev/null",
		"SigBlk:\t0000000000000000 SigIgn:\t0000000000000000 1 own group",
		"GIVEN=task", "NEW=<task>", "OTHER=$(GIVEN)",
		"<task> $(UNKNOWN) $(NEW)", "",
	}, "\n")
	// Whoever runs the tests may ignore the C library's own signals, 32 and 33.
	got := regexp.MustCompile(`SigIgn:\t0000000[01]80000000|SigIgn:\t0000000100000000`).
		ReplaceAllString(pod.stdout.String(), "SigIgn:\t0000000000000000")
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestExecTimeout(t *testing.T) {
	for _, test := range []struct {
		title, script string
		code          int
	}{
		{"the command obeys", "sleep 60", 143},
		{"the command saves first", "trap 'exit 5' TERM; while :; do sleep 0.01; done", 5},
		{"the command does not", "trap '' TERM; while :; do sleep 0.01; done", 137},
	} {
		t.Run(test.title, func(t *testing.T) {
			pod := newPod(t).agent()
			ctrl, _ := pod.accept("", "waiting")
			start := pod.shell(test.script)
			timeout := 0.2
			start.ExecTimeout = &timeout
			start.ExitActions = []protocol.ExitAction{{Action: "COMPLETE", Codes: [][2]int{{0, 3004}}}}
			ctrl.start(start)
			ctrl.expectEnd(protocol.TimedOut, test.code, "failed", 243)
			ctrl.finish(nil)
			pod.expectExit(243, last(test.code, 243, "run", "timed_out", "failed"))
		})
	}
}

// What the command leaves behind gets TERM, KILL, and holds nothing up: in its process group, in a session of its
// own, or with a parent that has ended.
func TestLeftovers(t *testing.T) {
	for _, test := range []struct{ title, script string }{
		{"in the group", `sh -c 'echo $$ > PID; exec sleep 60' &`},
		{"that ignores TERM", `sh -c 'trap "" TERM; echo $$ > PID; while :; do sleep 0.01; done' &`},
		{"in a session of its own", `setsid sh -c 'echo $$ > PID; exec sleep 60' &`},
		{"a daemon", `(setsid sh -c '(trap "" TERM; exec sh -c "echo \$\$ > PID; exec sleep 60") & ' &)`},
	} {
		t.Run(test.title, func(t *testing.T) {
			pod := newPod(t).agent()
			ctrl, _ := pod.accept("", "waiting")
			file := pod.path("pid")
			ctrl.start(pod.shell(strings.ReplaceAll(test.script, "PID", file) + "\nuntil [ -s " + file + " ]; do sleep 0.01; done; exit 3"))
			ctrl.expectEnd(protocol.Exited, 3, "failed", 3)
			pid, err := strconv.Atoi(pod.await("pid"))
			if err != nil {
				t.Fatal(err)
			}
			if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
				t.Errorf("process %d is still there: %v", pid, err)
			}
		})
	}
}

func TestLeftoversMayStillWrite(t *testing.T) {
	pod := newPod(t).agent()
	ctrl, _ := pod.accept("", "waiting")
	ctrl.start(pod.shell(`sh -c 'trap "echo last words; exit" TERM; echo > ` + pod.path("up") + `; while :; do sleep 0.01; done' &
		until [ -s ` + pod.path("up") + ` ]; do sleep 0.01; done`))
	ctrl.expectEnd(protocol.Exited, 0, "completed", 0)
	ctrl.finish(nil)
	pod.wait()
	if got := pod.stdout.String(); got != "last words\n" || pod.archived()["stdout"] != got {
		t.Errorf("stdout %q, archived %q", got, pod.archived())
	}
}

// A process that is none of the agent's may hold the command's output, such as one of `kubectl exec`.
func TestAStrangerHoldsTheOutput(t *testing.T) {
	pod := newPod(t).agent()
	ctrl, _ := pod.accept("", "waiting")
	ctrl.start(pod.shell(`echo $$ > ` + pod.path("pid") + `; echo first; read line < ` + pod.path("fifo")))
	pid := pod.await("pid")
	stranger, err := os.OpenFile("/proc/"+pid+"/fd/1", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer stranger.Close()
	begin := time.Now()
	ctrl.expectEnd(protocol.Exited, 2, "failed", 2)
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
	ctrl.finish(nil)
	pod.wait()
	if got := pod.stdout.String(); got != "first\n" {
		t.Errorf("stdout %q", got)
	}
}

func TestOutOfMemory(t *testing.T) {
	pod := newPod(t)
	events := pod.path("memory.events")
	if err := os.WriteFile(events, []byte("oom 4\noom_kill 4\noom_group_kill 0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	pod.agent("OSMO_TEST_CONTROL_GROUP=" + pod.root)
	ctrl, _ := pod.accept("", "waiting")
	start := pod.shell(`echo 'oom_kill 5' > ` + events + `; exit 1`)
	start.ExitActions = []protocol.ExitAction{{Action: "RESCHEDULE", Codes: [][2]int{{3004, 3004}}}}
	start.Retry.MayReschedule = true
	ctrl.start(start)
	if ended := ctrl.expectEnd(protocol.Exited, 1, "rescheduled", 250); !ended.OutOfMemory {
		t.Error("not told")
	}
	ctrl.finish(nil)
	pod.expectExit(250, `{"code":1,"exit":250,"phase":"run","cause":"exited","outcome":"rescheduled",`+
		`"reason":"the kernel ended a process: out of memory"}`)
}
