package agent

import (
	"encoding/json"
	"math/rand"
	"strings"
	"testing"

	"osmo.dev/exec/internal/protocol"
)

func rules(text string) Rules {
	var rules Rules
	for _, part := range strings.Fields(text) {
		switch part {
		case "may":
			rules.Retry.MayReschedule = true
		case "oom":
			rules.Retry.OutOfMemory = true
		default:
			name, codes, _ := strings.Cut(part, ":")
			var ranges [][2]int
			if err := json.Unmarshal([]byte("["+codes+"]"), &ranges); err != nil {
				panic(err)
			}
			rules.Actions = append(rules.Actions, protocol.ExitAction{Action: name, Codes: ranges})
		}
	}
	return rules
}

func TestDecide(t *testing.T) {
	for _, test := range []struct {
		cause       protocol.Cause
		code        int
		outOfMemory bool
		rules       string
		want        Verdict
	}{
		{protocol.Exited, 0, false, "", Verdict{"completed", 0}},
		{protocol.Exited, 3, false, "", Verdict{"failed", 3}},
		{protocol.Signaled, 137, false, "", Verdict{"failed", 137}},
		{protocol.Signaled, 137, false, "oom", Verdict{"failed", 239}},
		{protocol.Exited, 137, false, "oom", Verdict{"failed", 239}},
		{protocol.NotFound, 127, false, "", Verdict{"failed", 127}},
		{protocol.NotExecutable, 126, false, "COMPLETE:[126,126]", Verdict{"completed", 0}},
		{protocol.Exited, 64, false, "", Verdict{"failed", 239}},
		{protocol.Exited, 65, false, "FAIL:[65,65]", Verdict{"failed", 239}},
		{protocol.Exited, 239, false, "", Verdict{"failed", 239}},
		{protocol.Exited, 251, false, "", Verdict{"failed", 251}},
		{protocol.Exited, 0, false, "FAIL:[0,0]", Verdict{"failed", 1}},
		{protocol.Exited, 5, false, "FAIL:[0,255]", Verdict{"failed", 5}},
		{protocol.Exited, 75, false, "may RESCHEDULE:[75,75]", Verdict{"rescheduled", 250}},
		{protocol.Exited, 0, false, "may RESCHEDULE:[0,75]", Verdict{"rescheduled", 250}},
		{protocol.Exited, 0, false, "RESCHEDULE:[0,75]", Verdict{"completed", 0}},
		{protocol.Exited, 75, false, "RESCHEDULE:[75,75] COMPLETE:[0,255]", Verdict{"failed", 75}},
		{protocol.Exited, 250, false, "may RESCHEDULE:[75,75]", Verdict{"failed", 239}},
		{protocol.Exited, 7, false, "COMPLETE:[1,2],[5,7] FAIL:[7,7]", Verdict{"completed", 0}},
		{protocol.Exited, 7, false, "FAIL:[7,7] COMPLETE:[1,2],[5,7]", Verdict{"failed", 7}},
		{protocol.Signaled, 137, true, "may RESCHEDULE:[3004,3004]", Verdict{"rescheduled", 250}},
		{protocol.Signaled, 137, true, "RESCHEDULE:[3004,3004]", Verdict{"failed", 137}},
		{protocol.Signaled, 137, true, "may FAIL:[3004,3004] RESCHEDULE:[137,137]", Verdict{"failed", 137}},
		{protocol.Signaled, 137, true, "may COMPLETE:[3004,3004] RESCHEDULE:[137,137]", Verdict{"rescheduled", 250}},
		{protocol.Exited, 0, true, "may RESCHEDULE:[3004,3004]", Verdict{"completed", 0}},
		{protocol.TimedOut, 0, false, "COMPLETE:[0,4000]", Verdict{"failed", 243}},
		{protocol.Stopped, 143, true, "may RESCHEDULE:[0,4000]", Verdict{"terminated", 0}},
		{protocol.Terminated, 0, false, "may RESCHEDULE:[0,4000]", Verdict{"terminated", 248}},
	} {
		if got := decide(test.cause, test.code, test.outOfMemory, rules(test.rules)); got != test.want {
			t.Errorf("%s %d %q: got %v, want %v", test.cause, test.code, test.rules, got, test.want)
		}
	}
}

func TestDecideFailure(t *testing.T) {
	failure := protocol.Failure{Code: 2012, Exit: 241}
	end := func(cause protocol.Cause, outcome protocol.Outcome, exit int) protocol.Ended {
		return protocol.Ended{Cause: cause, Outcome: outcome, Exit: exit}
	}
	for _, test := range []struct {
		end   protocol.Ended
		rules string
		want  Verdict
	}{
		{protocol.Ended{}, "", Verdict{"failed", 241}},
		{end(protocol.Exited, "completed", 0), "", Verdict{"failed", 241}},
		{end(protocol.Exited, "failed", 3), "COMPLETE:[0,4000]", Verdict{"failed", 241}},
		{end(protocol.Exited, "completed", 0), "may RESCHEDULE:[2012,2012]", Verdict{"rescheduled", 250}},
		{end(protocol.Exited, "completed", 0), "RESCHEDULE:[2012,2012]", Verdict{"failed", 241}},
		{end(protocol.Exited, "rescheduled", 250), "", Verdict{"failed", 241}},
		{end(protocol.TimedOut, "failed", 243), "may RESCHEDULE:[0,4000]", Verdict{"failed", 243}},
		{end(protocol.Terminated, "terminated", 248), "may RESCHEDULE:[0,4000]", Verdict{"terminated", 248}},
		{end(protocol.Stopped, "terminated", 0), "may RESCHEDULE:[0,4000]", Verdict{"failed", 241}},
	} {
		if got := decideFailure(failure, test.end, rules(test.rules)); got != test.want {
			t.Errorf("%+v %q: got %v, want %v", test.end, test.rules, got, test.want)
		}
	}
	if got := decideFailure(protocol.Failure{Code: 2010, Exit: 250}, protocol.Ended{}, Rules{}); got != (Verdict{"rescheduled", 250}) {
		t.Errorf("osmo-ctrl's own 250: got %v", got)
	}
}

// What holds of all codes under any rules.
func TestVerdictsAtRandom(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	actions := []string{protocol.Complete, protocol.Fail, protocol.Reschedule}
	causes := []protocol.Cause{protocol.Exited, protocol.Signaled, protocol.TimedOut, protocol.Stopped, protocol.Terminated}
	for range 3000 {
		rules := Rules{Retry: protocol.Retry{MayReschedule: random.Intn(2) == 0, OutOfMemory: random.Intn(2) == 0}}
		for range random.Intn(4) {
			first := random.Intn(256)
			rules.Actions = append(rules.Actions, protocol.ExitAction{
				Action: actions[random.Intn(3)], Codes: [][2]int{{first, first + random.Intn(3300)}},
			})
		}
		cause, outOfMemory := causes[random.Intn(len(causes))], random.Intn(2) == 0
		for code := range 256 {
			verdict := decide(cause, code, outOfMemory, rules)
			exit := verdict.Exit
			isReserved := exit == 64 || exit == 65 || exit >= 240 && exit <= 250
			switch {
			case exit < 0 || exit > 255,
				verdict.Outcome == protocol.OutcomeCompleted && exit != 0,
				verdict.Outcome == protocol.OutcomeFailed && exit == 0,
				verdict.Outcome == protocol.OutcomeRescheduled && (exit != 250 || !rules.Retry.MayReschedule || cause.Imposed()),
				verdict.Outcome == protocol.OutcomeTerminated && !cause.Imposed(),
				!cause.Imposed() && verdict.Outcome != protocol.OutcomeRescheduled && isReserved,
				cause.Imposed() && verdict != decide(cause, 0, false, Rules{}),
				exit == 137 && rules.Retry.OutOfMemory:
				t.Fatalf("%s %d %v %+v: %+v", cause, code, outOfMemory, rules, verdict)
			}
		}
	}
}

func TestTerminationMessage(t *testing.T) {
	for _, reason := range []string{"", "short", strings.Repeat("x", 1000), strings.Repeat("\x00", 500), strings.Repeat("\xff", 500), strings.Repeat("€\"", 200)} {
		line := terminationMessage(Last{2012, 241, phaseUpload, causeFailure, protocol.OutcomeFailed, reason})
		var got Last
		if err := json.Unmarshal(line, &got); err != nil || len(line) > 256 || got.Code != 2012 {
			t.Errorf("%q: %s, %v", reason, line, err)
		}
		if !strings.HasPrefix(strings.ToValidUTF8(reason, "?"), got.Reason) || (reason != "" && got.Reason == "") {
			t.Errorf("%q became %q", reason, got.Reason)
		}
	}
}
