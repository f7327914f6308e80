package agent

import (
	"os"
	"strings"
	"unicode/utf8"

	"osmo.dev/exec/internal/protocol"
)

// Longest termination message: Argo copies it into the status of the workflow.
const longestTermination = 256

// Last is what the termination message tells.
type Last struct {
	Code    int              `json:"code"`
	Exit    int              `json:"exit"`
	Phase   string           `json:"phase"`
	Cause   string           `json:"cause"`
	Outcome protocol.Outcome `json:"outcome"`
	Reason  string           `json:"reason,omitempty"`
}

// Phases of a task that the agent knows.
const (
	phasePrepare = "prepare" // Before the command: inputs, barrier.
	phaseRun     = "run"
	phaseUpload  = "upload" // After the command.
)

// Causes beyond those of an end.
const (
	causeFailure = "failure" // osmo-ctrl says so.
	causeLost    = "lost"    // osmo-ctrl cannot be reached.
)

// lastOf a command whose end osmo-ctrl agrees with.
func lastOf(ended *protocol.Ended, reason string) *Last {
	if ended.OutOfMemory && reason == "" {
		reason = "the kernel ended a process: out of memory"
	}
	return &Last{ended.Code, ended.Exit, phaseRun, string(ended.Cause), ended.Outcome, reason}
}

// lastOfFailure of osmo-ctrl, before a command or after it.
func lastOfFailure(failure protocol.Failure, ended *protocol.Ended, rules Rules) *Last {
	if ended == nil {
		verdict := decideFailure(failure, protocol.Ended{}, rules)
		return &Last{failure.Code, verdict.Exit, phasePrepare, causeFailure, verdict.Outcome, failure.Reason}
	}
	verdict := decideFailure(failure, *ended, rules)
	if ended.Cause == protocol.Terminated || (ended.Cause == protocol.TimedOut && !failure.IsFinal) {
		return &Last{ended.Code, verdict.Exit, phaseRun, string(ended.Cause), verdict.Outcome, failure.Reason}
	}
	return &Last{failure.Code, verdict.Exit, phaseUpload, causeFailure, verdict.Outcome, failure.Reason}
}

// lastWithoutCtrl never looks like success: nobody has uploaded anything.
func lastWithoutCtrl(ended *protocol.Ended) *Last {
	const reason = "osmo-ctrl cannot be reached"
	switch {
	case ended == nil:
		return &Last{codeSocket, exitFault, phasePrepare, causeLost, protocol.OutcomeFailed, reason}
	case ended.Exit == 0:
		return &Last{codeSocket, exitFault, phaseUpload, causeLost, protocol.OutcomeFailed, reason}
	}
	return lastOf(ended, reason)
}

// terminationMessage leaves out as much of the reason as there is no room for.
func terminationMessage(last Last) []byte {
	last.Reason = strings.ToValidUTF8(last.Reason, "?")
	for {
		line, err := protocol.Line(last)
		if err != nil {
			return nil
		}
		line = line[:len(line)-1]
		if len(line) <= longestTermination || last.Reason == "" {
			return line
		}
		_, size := utf8.DecodeLastRuneInString(last.Reason)
		last.Reason = last.Reason[:len(last.Reason)-size]
	}
}

// writeTermination writes in one go. Nobody can be told if it fails; the exit code says the most of it.
func writeTermination(path string, last Last) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return
	}
	_, _ = file.Write(terminationMessage(last))
	_ = file.Close()
}
