package e2e

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"

	"osmo.dev/exec/internal/protocol"
)

// BenchmarkAgent tells how many lines go through the agent and how much memory it has, at most and with no command:
//
//	go test -run - -bench Agent ./e2e
func BenchmarkAgent(b *testing.B) {
	const lines = 3_000_000
	for title, masks := range map[string][]string{"plain": {}, "masked": {"TOKEN"}} {
		b.Run(title, func(b *testing.B) {
			for b.Loop() {
				pod := newPod(b)
				null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
				if err != nil {
					b.Fatal(err)
				}
				defer null.Close()
				pod.realTo(null, "TOKEN=not-in-the-log")
				ctrl, _ := pod.accept("", "waiting")
				idle := pod.memory("VmRSS")
				start := pod.shell(fmt.Sprintf("yes 'a line of eighty characters, as programs like to write them to their log......' | head -n %d", lines))
				start.Masks.Variables = masks
				ctrl.start(start)
				ended := ctrl.expectEnd(protocol.Exited, 0, "completed", 0)
				b.ReportMetric(lines/(ended.EndedAt-ended.StartedAt), "lines/s")
				b.ReportMetric(idle, "KiB-idle")
				b.ReportMetric(pod.memory("VmHWM"), "KiB-most")
				ctrl.finish(nil)
				pod.wait()
			}
		})
	}
}

// memory of the agent in KiB.
func (pod *pod) memory(name string) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pod.process.Process.Pid))
	if err != nil {
		pod.Fatal(err)
	}
	found := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(text)
	if found == nil {
		pod.Fatalf("%s is not in %s", name, text)
	}
	value, _ := strconv.ParseFloat(string(found[1]), 64)
	return value
}
