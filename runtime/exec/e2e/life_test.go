package e2e

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"osmo.dev/exec/internal/protocol"
)

const (
	forever = "while :; do sleep 0.01; done"
	gone    = `"reason":"osmo-ctrl cannot be reached"}`
)

func TestSignalWhileWaiting(t *testing.T) {
	pod := newPod(t).real()
	ctrl, _ := pod.accept("", "waiting")
	pod.signal(syscall.SIGTERM)
	expect[*protocol.Terminating](ctrl)
	pod.expectExit(248, last(143, 248, "prepare", "terminated", "terminated"))
}

func TestSignalBeforeCtrlIsThere(t *testing.T) {
	pod := newPod(t)
	pod.vanish(nil)
	pod.real()
	time.Sleep(200 * time.Millisecond) // The handler needs a moment.
	pod.signal(syscall.SIGTERM)
	pod.expectExit(248, last(143, 248, "prepare", "terminated", "terminated"))
}

func TestSignalWhileRunning(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT} {
		t.Run(signal.String(), func(t *testing.T) {
			pod := newPod(t).real()
			ctrl, _ := pod.accept("", "waiting")
			start := pod.shell(`trap 'echo saving; exit 0' TERM; echo > ` + pod.path("up") + "; " + forever)
			start.ExitActions = []protocol.ExitAction{{Action: "RESCHEDULE", Codes: [][2]int{{0, 255}}}}
			start.Retry.MayReschedule = true
			ctrl.start(start)
			pod.await("up")
			pod.signal(signal)
			expect[*protocol.Terminating](ctrl)
			ctrl.expectEnd(protocol.Terminated, 0, "terminated", 248)
			ctrl.finish(&protocol.Failure{Code: 2012, Exit: 241, Reason: "no storage"})
			pod.expectExit(248, `{"code":0,"exit":248,"phase":"run","cause":"terminated","outcome":"terminated",`+
				`"reason":"no storage"}`)
			if pod.stdout.String() != "saving\n" {
				t.Errorf("stdout %q", &pod.stdout)
			}
		})
	}
}

func TestSignalAfterTheEnd(t *testing.T) {
	pod := newPod(t).real()
	ctrl, _ := pod.accept("", "waiting")
	ctrl.start(pod.shell("exit 0"))
	ctrl.expectEnd(protocol.Exited, 0, "completed", 0)
	pod.signal(syscall.SIGTERM)
	expect[*protocol.Terminating](ctrl)
	pod.signal(syscall.SIGTERM)
	select {
	case <-pod.exited:
		t.Fatal("the agent does not wait for the upload")
	case <-time.After(200 * time.Millisecond):
	}
	// A new epoch must not begin any more.
	again := pod.shell("exit 0")
	again.Epoch = 2
	ctrl.say(again)
	ctrl.expectEnd(protocol.Terminated, 143, "terminated", 248)
	ctrl.finish(nil)
	pod.expectExit(248, last(143, 248, "run", "terminated", "terminated"))
}

func TestFailuresOfCtrl(t *testing.T) {
	upload := &protocol.Failure{Code: 2012, Exit: 241, Reason: "no storage"}
	reschedule := []protocol.ExitAction{{Action: "RESCHEDULE", Codes: [][2]int{{2012, 2012}}}}
	complete := []protocol.ExitAction{{Action: "COMPLETE", Codes: [][2]int{{0, 3004}}}}
	for _, test := range []struct {
		title       string
		actions     []protocol.ExitAction
		exit        int
		termination string
	}{
		{"none", nil, 241, `"exit":241,"phase":"upload","cause":"failure","outcome":"failed"`},
		{"COMPLETE", complete, 241, `"exit":241,"phase":"upload","cause":"failure","outcome":"failed"`},
		{"RESCHEDULE", reschedule, 250, `"exit":250,"phase":"upload","cause":"failure","outcome":"rescheduled"`},
	} {
		t.Run(test.title, func(t *testing.T) {
			pod := newPod(t).agent()
			ctrl, _ := pod.accept("", "waiting")
			start := pod.shell("exit 0")
			start.ExitActions, start.Retry.MayReschedule = test.actions, true
			ctrl.start(start)
			ctrl.expectEnd(protocol.Exited, 0, "completed", 0)
			ctrl.finish(upload)
			pod.expectExit(test.exit, `{"code":2012,`+test.termination+`,"reason":"no storage"}`)
		})
	}
}

func TestFailureBeforeStart(t *testing.T) {
	pod := newPod(t).agent()
	ctrl, _ := pod.accept("", "waiting")
	ctrl.finish(&protocol.Failure{Code: 2010, Exit: 240, Reason: "s3://a is \"away\" " + strings.Repeat("é", 300)})
	if got := pod.wait(); got != 240 {
		t.Errorf("exit code %d", got)
	}
	text := pod.read("termination")
	start := `{"code":2010,"exit":240,"phase":"prepare","cause":"failure","outcome":"failed","reason":"s3://a is \"away\" éé`
	if !strings.HasPrefix(text, start) || !strings.HasSuffix(text, `é"}`) || len(text) > 256 || len(text) < 250 {
		t.Errorf("%d bytes: %s", len(text), text)
	}
}

func TestTheGroupEndsBeforeStart(t *testing.T) {
	pod := newPod(t).agent()
	ctrl, _ := pod.accept("", "waiting")
	ctrl.finish(nil)
	pod.expectExit(0, last(0, 0, "prepare", "stopped", "terminated"))
}

func TestRestartInPlace(t *testing.T) {
	pod := newPod(t).agent()
	ctrl, _ := pod.accept("", "waiting")
	first := pod.shell("echo first; echo > " + pod.path("up") + "; " + forever)
	ctrl.start(first)
	pod.await("up")
	ctrl.say(&protocol.Stop{Epoch: 7, Grace: 0.1}) // None of ours.
	ctrl.start(first)                              // Repeated, and no second command.
	ctrl.say(&protocol.Stop{Epoch: 1, Grace: 0.1})
	ctrl.say(&protocol.Stop{Epoch: 1, Grace: 0.1})
	ctrl.expectEnd(protocol.Stopped, 143, "terminated", 0)

	second := pod.shell("echo second; exit 7")
	second.Epoch = 2
	ctrl.start(second)
	ended := ctrl.expectEnd(protocol.Exited, 7, "failed", 7)
	if ended.Epoch != 2 || ended.Log.Bytes != 7 || ended.Log.Segments != 2 {
		t.Errorf("%+v", ended)
	}
	// Also after an end that the command chose; and never back.
	third := pod.shell("echo third")
	third.Epoch = 5
	ctrl.start(third)
	ctrl.expectEnd(protocol.Exited, 0, "completed", 0)
	ctrl.say(second)
	ctrl.finish(nil)
	pod.expectExit(0, last(0, 0, "run", "exited", "completed"))
	if got := pod.stdout.String(); got != "first\nsecond\nthird\n" || pod.archived()["stdout"] != got {
		t.Errorf("stdout %q, archived %q", got, pod.archived())
	}
}

func TestANewEpochEndsTheOneBefore(t *testing.T) {
	pod := newPod(t).agent()
	ctrl, _ := pod.accept("", "waiting")
	ctrl.start(pod.shell(forever))
	next := pod.shell("exit 4")
	next.Epoch = 2
	ctrl.say(next)
	ctrl.expectEnd(protocol.Stopped, 143, "terminated", 0)
	expect[*protocol.Started](ctrl)
	ctrl.expectEnd(protocol.Exited, 4, "failed", 4)
}

func TestFinishWhileRunning(t *testing.T) {
	pod := newPod(t).agent()
	ctrl, _ := pod.accept("", "waiting")
	ctrl.start(pod.shell(forever))
	ctrl.finish(&protocol.Failure{Code: 2023, Exit: 247, Reason: "confused"})
	ctrl.expectEnd(protocol.Stopped, 143, "terminated", 0)
	pod.expectExit(247, `{"code":2023,"exit":247,"phase":"upload","cause":"failure","outcome":"failed","reason":"confused"}`)
}

func TestCtrlComesBack(t *testing.T) {
	pod := newPod(t).agent()
	if err := syscall.Mkfifo(pod.path("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctrl, _ := pod.accept("", "waiting")
	ctrl.hangUp()
	ctrl, _ = pod.accept(key, "waiting")
	ctrl.start(pod.shell("echo > " + pod.path("up") + "; read line < " + pod.path("fifo") + "; exit 3"))
	pod.await("up")
	pod.vanish(ctrl)
	time.Sleep(100 * time.Millisecond)
	pod.listen()
	ctrl, hello := pod.accept(key, "running")
	if hello.Epoch != 1 || hello.Ended != nil {
		t.Errorf("hello %+v", hello)
	}
	pod.vanish(ctrl)
	fifo, err := syscall.Open(pod.path("fifo"), syscall.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	syscall.Close(fifo)
	time.Sleep(200 * time.Millisecond)
	pod.listen()
	ctrl, hello = pod.accept(key, "ended")
	if hello.Ended == nil || hello.Ended.Code != 3 || hello.Epoch != 1 {
		t.Errorf("hello %+v", hello)
	}
	ctrl.hangUp()
	ctrl, _ = pod.accept(key, "ended")
	ctrl.finish(nil)
	pod.expectExit(3, last(3, 3, "run", "exited", "failed"))
}

func TestTerminatingIsToldAgain(t *testing.T) {
	pod := newPod(t).agent()
	ctrl, _ := pod.accept("", "waiting")
	ctrl.start(pod.shell("trap '' TERM; echo > " + pod.path("up") + "; " + forever))
	pod.await("up")
	pod.vanish(ctrl)
	pod.signal(syscall.SIGTERM)
	pod.listen()
	ctrl, _ = pod.accept(key, "running")
	expect[*protocol.Terminating](ctrl)
	ctrl.expectEnd(protocol.Terminated, 137, "terminated", 248)
}

func TestCtrlStaysAway(t *testing.T) {
	for _, test := range []struct {
		title, script string
		exit          int
		termination   string
	}{
		{"waiting", "", 247, `{"code":2023,"exit":247,"phase":"prepare","cause":"lost","outcome":"failed",` + gone},
		{"running", forever, 247, `{"code":2023,"exit":247,"phase":"upload","cause":"lost","outcome":"failed",` + gone},
		{"completed", "exit 0", 247, `{"code":2023,"exit":247,"phase":"upload","cause":"lost","outcome":"failed",` + gone},
		{"failed", "exit 3", 3, `{"code":3,"exit":3,"phase":"run","cause":"exited","outcome":"failed",` + gone},
	} {
		t.Run(test.title, func(t *testing.T) {
			pod := newPod(t).agent()
			ctrl, _ := pod.accept("", "waiting")
			if test.script != "" {
				ctrl.start(pod.shell(test.script))
			}
			if strings.HasPrefix(test.script, "exit") {
				expect[*protocol.Ended](ctrl)
			}
			pod.vanish(ctrl)
			pod.expectExit(test.exit, test.termination)
		})
	}
}

func TestCtrlNeverComes(t *testing.T) {
	pod := newPod(t)
	pod.vanish(nil)
	pod.agent().expectExit(247, `{"code":2023,"exit":247,"phase":"prepare","cause":"lost","outcome":"failed",`+gone)
}

func TestWhatIsNoMessageEndsTheConnection(t *testing.T) {
	for _, line := range []string{
		"no JSON\n", "[]\n", `{"kind":"unknown"}` + "\n", `{"kind":"finish","failure":null,"more":1}` + "\n",
		`{"kind":"hello","version":1,"key":"","state":"waiting","epoch":0,"ended":null}` + "\n",
		`{"kind":"finish"}{"kind":"finish"}` + "\n", `{"kind":"welcome","version":1,"key":"again"}` + "\n",
	} {
		t.Run(line, func(t *testing.T) {
			pod := newPod(t).agent()
			ctrl, _ := pod.accept("", "waiting")
			ctrl.sayLine(line)
			ctrl, _ = pod.accept(key, "waiting")
			ctrl.start(pod.shell("exit 0"))
		})
	}
}

func TestATooLongMessageEndsTheConnection(t *testing.T) {
	pod := newPod(t).agent()
	ctrl, _ := pod.accept("", "waiting")
	for part := strings.Repeat(" ", 1<<20); ; {
		if _, err := ctrl.connection.Write([]byte(part)); err != nil {
			break
		}
	}
	pod.accept(key, "waiting")
}

// osmo-ctrl that reads nothing holds up nobody.
func TestCtrlThatDoesNotRead(t *testing.T) {
	pod := newPod(t).agent()
	ctrl, _ := pod.accept("", "waiting")
	ctrl.start(pod.shell("trap 'echo > " + pod.path("saved") + "; exit 0' TERM; echo > " + pod.path("up") + "; " + forever))
	pod.await("up")
	request := `{"kind":"list","id":1,"path":"/proc/self/fdinfo","regex":""}` + "\n"
	for range 5000 {
		if _, err := ctrl.connection.Write([]byte(request)); err != nil {
			break
		}
	}
	pod.signal(syscall.SIGTERM)
	pod.await("saved")
	ctrl, hello := pod.accept(key, "")
	expect[*protocol.Terminating](ctrl)
	if hello.Ended == nil {
		ctrl.expectEnd(protocol.Terminated, 0, "terminated", 248)
	}
}
