package agent

import "osmo.dev/exec/internal/protocol"

// Exit codes of the agent that are not the command's. See docs/exit-codes.md.
const (
	exitOfUser      = 239 // The command ended with a code that means something else to Argo or to the system.
	exitTimedOut    = 243
	exitFault       = 247
	exitTerminated  = 248
	exitReschedule  = 250
	codeOutOfMemory = 3004
	codeSocket      = 2023
	codeKilled      = 137
)

// Rules are what a task says of exit codes.
type Rules struct {
	Actions []protocol.ExitAction
	Retry   protocol.Retry
}

// Verdict is what an end means for the task, and what the container ends with.
type Verdict struct {
	Outcome protocol.Outcome
	Exit    int
}

// decide says what the end of a command means. Actions are tried on its true code, and only if the end was its own.
func decide(cause protocol.Cause, code int, outOfMemory bool, rules Rules) Verdict {
	switch cause {
	case protocol.TimedOut:
		return Verdict{protocol.OutcomeFailed, exitTimedOut}
	case protocol.Stopped:
		return Verdict{protocol.OutcomeTerminated, 0}
	case protocol.Terminated:
		return Verdict{protocol.OutcomeTerminated, exitTerminated}
	}
	// A command that succeeds although the kernel ended one of its processes has coped with it. COMPLETE never covers
	// what is not the command's own.
	if outOfMemory && code != 0 {
		switch rules.action(codeOutOfMemory) {
		case protocol.Reschedule:
			return Verdict{protocol.OutcomeRescheduled, exitReschedule}
		case protocol.Fail:
			return Verdict{protocol.OutcomeFailed, rules.mapped(code)}
		}
	}
	switch rules.action(code) {
	case protocol.Complete:
		return Verdict{protocol.OutcomeCompleted, 0}
	case protocol.Fail:
		return Verdict{protocol.OutcomeFailed, max(rules.mapped(code), 1)}
	case protocol.Reschedule:
		return Verdict{protocol.OutcomeRescheduled, exitReschedule}
	}
	if code == 0 {
		return Verdict{protocol.OutcomeCompleted, 0}
	}
	return Verdict{protocol.OutcomeFailed, rules.mapped(code)}
}

// decideFailure says what a failure of osmo-ctrl means: it replaces the verdict on a command that chose its end, and
// that of its group on one that was stopped. A final one is its group's. Without a command it comes with an empty end.
func decideFailure(failure protocol.Failure, end protocol.Ended, rules Rules) Verdict {
	switch {
	case end.Cause == protocol.Terminated:
		return Verdict{end.Outcome, end.Exit}
	case failure.IsFinal, end.Cause == protocol.Stopped:
		return verdictOfExit(failure.Exit)
	case end.Cause == protocol.TimedOut:
		return Verdict{end.Outcome, end.Exit}
	}
	if rules.action(failure.Code) == protocol.Reschedule {
		return Verdict{protocol.OutcomeRescheduled, exitReschedule}
	}
	return verdictOfExit(failure.Exit)
}

func verdictOfExit(exit int) Verdict {
	switch exit {
	case 0:
		return Verdict{protocol.OutcomeCompleted, 0}
	case exitTerminated:
		return Verdict{protocol.OutcomeTerminated, exit}
	case exitReschedule:
		return Verdict{protocol.OutcomeRescheduled, exit}
	}
	return Verdict{protocol.OutcomeFailed, exit}
}

// action gives the first that names a code; none if it is RESCHEDULE and no attempt is left.
func (rules Rules) action(code int) string {
	for _, action := range rules.Actions {
		for _, codes := range action.Codes {
			if code < codes[0] || code > codes[1] {
				continue
			}
			if action.Action == protocol.Reschedule && !rules.Retry.MayReschedule {
				return ""
			}
			return action.Action
		}
	}
	return ""
}

// mapped keeps the codes of Argo (64, 65) and of the system (240-250) free, and 137 where it means that the kernel
// ended the container.
func (rules Rules) mapped(code int) int {
	if code == 64 || code == 65 || (code >= 240 && code <= 250) || (code == codeKilled && rules.Retry.OutOfMemory) {
		return exitOfUser
	}
	return code
}
