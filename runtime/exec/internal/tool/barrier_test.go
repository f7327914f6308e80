package tool

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseBarrier(t *testing.T) {
	for arguments, want := range map[string]barrier{
		"":                                   {name: "barrier"},
		"x":                                  {name: "x"},
		"x --count 3 --timeout 10m":          {"x", 3, 10 * time.Minute},
		"--count=3 x --timeout=1h30m":        {"x", 3, 90 * time.Minute},
		"--timeout 0.5":                      {"barrier", 0, 500 * time.Millisecond},
		"--count 100000":                     {"barrier", mostCalls, 0},
		strings.Repeat("é", longestName):     {name: strings.Repeat("é", longestName)},
		"-- --x":                             {name: "--x"},
		"s3://looks/like/a/url --timeout 5s": {"s3://looks/like/a/url", 0, 5 * time.Second},
	} {
		if got, err := parseBarrier(strings.Fields(arguments)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, %v", arguments, got, err)
		}
	}
}

func TestWrongBarriers(t *testing.T) {
	const name = "the name of a barrier has 1 to 100 characters"
	for _, test := range []struct {
		arguments []string
		want      string
	}{
		{[]string{"x", "y"}, "there is one name of a barrier, not 2: x y"},
		{[]string{""}, name},
		{[]string{"a\nb"}, name},
		{[]string{"a\u0085"}, name},
		{[]string{"\xff"}, name},
		{[]string{strings.Repeat("x", longestName+1)}, name},
		{[]string{"--count", "0"}, `"0" for flag -count: a whole number from 1 to 100000 is expected`},
		{[]string{"--count", "100001"}, "a whole number from 1 to 100000"},
		{[]string{"--count", "three"}, "a whole number from 1 to 100000"},
		{[]string{"--count"}, "flag needs an argument"},
		{[]string{"--timeout", "0"}, "a duration above zero is expected"},
		{[]string{"--timeout", "-5s"}, "a duration above zero is expected"},
		{[]string{"--timeout", "1e30"}, "a duration above zero is expected"},
		{[]string{"--timeout", "soon"}, "a duration above zero is expected"},
		{[]string{"--wait"}, "flag provided but not defined"},
	} {
		status, _, stderr := ask(t, func(*ctrl) {}, append([]string{"barrier"}, test.arguments...)...)
		if status != 2 || !strings.Contains(stderr, test.want) || !strings.Contains(stderr, "usage: osmo barrier") {
			t.Errorf("%q: status %d, %s", test.arguments, status, stderr)
		}
	}
	if status, stdout, _ := ask(t, func(*ctrl) {}, "barrier", "--help"); status != 0 || stdout != barrierUsage {
		t.Error(status, stdout)
	}
}

// serve is osmo-ctrl whose connections are handled one after the other, in a life each: meanwhile there is no socket.
func serve(t *testing.T, path string, lives ...func(*ctrl)) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for _, handle := range lives {
			_ = os.Remove(path)
			listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
			if err != nil {
				t.Error(err)
				return
			}
			if connection, err := listener.AcceptUnix(); err == nil {
				_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
				handle(&ctrl{T: t, connection: connection})
				connection.Close()
			}
			listener.Close()
			time.Sleep(50 * time.Millisecond)
		}
	}()
	return ended
}

func TestBarrierIsOpen(t *testing.T) {
	status, stdout, stderr := ask(t, func(ctrl *ctrl) {
		said, _ := ctrl.hear()
		id, _ := said["id"].(string)
		delete(said, "id")
		if text := fmt.Sprint(said); text != "map[count:<nil> kind:barrier name:x version:1]" || len(id) != 32 {
			t.Error(text, id)
		}
		ctrl.say(map[string]any{"kind": "open"})
		ctrl.say(map[string]any{"kind": "result", "status": 0})
	}, "barrier", "x")
	if status != 0 || stdout+stderr != "" {
		t.Error(status, stdout, stderr)
	}
}

func TestBarrierOutlivesOsmoCtrl(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	var ids []any
	hear := func(ctrl *ctrl) {
		said, _ := ctrl.hear()
		ids = append(ids, said["id"], said["count"])
	}
	ended := serve(t, path, hear, func(*ctrl) {}, hear, func(ctrl *ctrl) {
		hear(ctrl)
		ctrl.say(map[string]any{"kind": "open"})
	})
	var stderr bytes.Buffer
	status := (&Tool{Socket: path, Stdout: &stderr, Stderr: &stderr}).Run([]string{"barrier", "--count", "2"})
	<-ended
	if status != 0 || stderr.Len() > 0 {
		t.Error(status, stderr.String())
	}
	if len(ids) != 6 || ids[0] != ids[2] || ids[2] != ids[4] || ids[1] != 2.0 {
		t.Error(ids)
	}
}

func TestBarrierTimesOut(t *testing.T) {
	for title, handle := range map[string]func(*ctrl){
		"waiting": func(ctrl *ctrl) {
			ctrl.hear()
			ctrl.hear() // Until the tool hangs up.
		},
		"osmo-ctrl is gone": func(*ctrl) {},
	} {
		began := time.Now()
		status, _, stderr := ask(t, handle, "barrier", "x", "--timeout", "300ms")
		if took := time.Since(began); status != 3 || stderr != "osmo: barrier \"x\" was not open within 300ms\n" || took > 2*time.Second {
			t.Errorf("%s: status %d after %v, %s", title, status, took, stderr)
		}
	}
}

func TestBarrierFails(t *testing.T) {
	for want, answer := range map[string]map[string]any{
		"osmo: the task is over\n":                                   {"kind": "result", "status": 1, "error": "the task is over"},
		"osmo: osmo-ctrl said \"done\", which has no meaning here\n": {"kind": "done", "id": 1},
	} {
		status, _, stderr := ask(t, func(ctrl *ctrl) {
			ctrl.hear()
			ctrl.say(answer)
		}, "barrier")
		if status != 1 || stderr != want {
			t.Errorf("status %d, %q, want %q", status, stderr, want)
		}
	}
}

func TestBarrierGivesUpWithoutOsmoCtrl(t *testing.T) {
	tool := &Tool{Socket: filepath.Join(t.TempDir(), "none")}
	err := tool.waitAt(barrier{name: "x"}, 100*time.Millisecond)
	if err == nil || !strings.HasPrefix(err.Error(), "osmo-ctrl cannot be reached: connect ") {
		t.Error(err)
	}
	// Whom it does not let in it will never let in.
	file := filepath.Join(t.TempDir(), "file")
	write(t, filepath.Join(file, "x"), "")
	began := time.Now()
	tool.Socket = filepath.Join(file, "x", "socket")
	if err := tool.waitAt(barrier{name: "x"}, time.Minute); err == nil || time.Since(began) > 10*time.Second {
		t.Error(err)
	}
}
