package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"osmo.dev/exec/internal/command"
	"osmo.dev/exec/internal/files"
	"osmo.dev/exec/internal/process"
	"osmo.dev/exec/internal/protocol"
	"osmo.dev/exec/internal/record"
)

// Codes of shells for commands that cannot be started, and for those that SIGTERM ends.
const (
	codeNotExecutable = 126
	codeNotFound      = 127
	codeTerminated    = 128 + int(syscall.SIGTERM)
)

// run is the command of one epoch, from its start to the end of all that it left behind.
type run struct {
	settings Settings
	children *process.Children
	start    *protocol.Start
	segments *record.Segments
	imposed  chan imposition
	done     chan *protocol.Ended
	counts   record.Counts
	began    time.Time
	kills    int
	reason   string // Why it could not be started.
}

// imposition is an end that the command did not choose.
type imposition struct {
	cause protocol.Cause
	grace time.Duration
}

func newRun(settings Settings, children *process.Children, start *protocol.Start, segments *record.Segments) *run {
	return &run{
		settings: settings,
		children: children,
		start:    start,
		segments: segments,
		imposed:  make(chan imposition, 1),
		done:     make(chan *protocol.Ended, 1),
		began:    time.Now(),
		kills:    process.OutOfMemoryKills(settings.ControlGroup),
	}
}

// begin starts the command, and tells whether that went well. Its end comes by done in any case.
func (run *run) begin() bool {
	environment := command.NewEnvironment(run.settings.Environment, variableRoot, variableTermination)
	environment.Add(run.start.Environment)
	environment.AppendToPath(run.settings.Tools)
	streams := run.newStreams(record.Secrets(run.start.Masks, environment.Lookup))
	group, ended, err := run.execute(environment, streams)
	if err != nil {
		run.refuse(err, streams)
		return false
	}
	go run.follow(group, ended, streams)
	return true
}

// skip ends an epoch that must not begin, since the container is told to end.
func (run *run) skip() {
	run.report(protocol.Terminated, codeTerminated, time.Now())
}

// streams of the command: what the agent reads, and what the command writes.
type streams struct {
	logs  [2]*record.Stream
	pumps []*record.Pump
	ends  []*os.File
}

func (run *run) newStreams(secrets []string) *streams {
	return &streams{logs: [2]*record.Stream{
		record.NewStream("stdout", run.segments, secrets, &run.counts, time.Now),
		record.NewStream("stderr", run.segments, secrets, &run.counts, time.Now),
	}}
}

// execute finds and starts the command. The descriptors of the command's side are closed here in any case: the
// agent would otherwise wait for itself.
func (run *run) execute(environment *command.Environment, streams *streams) (int, <-chan syscall.WaitStatus, error) {
	arguments := expand(append(append([]string(nil), run.start.Command...), run.start.Args...), environment)
	if len(arguments) == 0 {
		arguments = []string{""}
	}
	path, err := command.Find(arguments[0], environment)
	if err != nil {
		return 0, nil, err
	}
	var written [2]*os.File
	for index := range streams.logs {
		reader, writer, err := os.Pipe()
		if err != nil {
			return 0, nil, err
		}
		defer writer.Close()
		written[index] = writer
		streams.ends = append(streams.ends, reader)
	}
	group, ended, err := run.children.Start(process.Program{
		Path:        path,
		Arguments:   arguments,
		Environment: environment.Entries(),
		Stdout:      written[0],
		Stderr:      written[1],
	})
	if errors.Is(err, syscall.ENOENT) {
		err = fmt.Errorf("%w: the interpreter of %s", command.ErrNotFound, path)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", path, err)
	}
	for index, own := range []io.Writer{run.settings.Stdout, run.settings.Stderr} {
		streams.pumps = append(streams.pumps, record.NewPump(streams.ends[index], own, streams.logs[index]))
	}
	return group, ended, nil
}

func expand(texts []string, environment *command.Environment) []string {
	for index, text := range texts {
		texts[index] = command.Expand(text, environment.Lookup)
	}
	return texts
}

// refuse tells why there is no command, where its output would be.
func (run *run) refuse(err error, streams *streams) {
	for _, end := range streams.ends {
		_ = end.Close()
	}
	run.reason = err.Error()
	text := "osmo-exec: " + run.reason + "\n"
	_, _ = io.WriteString(run.settings.Stderr, text)
	streams.logs[1].Add([]byte(text))
	streams.logs[1].Close()
	run.segments.Close()
	if errors.Is(err, command.ErrNotFound) {
		run.report(protocol.NotFound, codeNotFound, time.Now())
	} else {
		run.report(protocol.NotExecutable, codeNotExecutable, time.Now())
	}
}

// impose ends the command. The first reason counts, and none when it has ended already.
func (run *run) impose(cause protocol.Cause, grace time.Duration) {
	run.children.Collect()
	select {
	case run.imposed <- imposition{cause, grace}:
	default:
	}
}

// follow waits for the end of the command, or brings it about, and clears up behind it.
func (run *run) follow(group int, ended <-chan syscall.WaitStatus, streams *streams) {
	cause, status := run.await(group, ended)
	at := time.Now()
	run.children.Sweep(group, run.settings.Leftovers)
	run.drain(streams.pumps)
	run.segments.Close()
	files.MakeReadable(run.start.Output)
	code := status.ExitStatus()
	if status.Signaled() {
		code = 128 + int(status.Signal())
	}
	if cause == "" {
		cause = protocol.Exited
		if status.Signaled() {
			cause = protocol.Signaled
		}
	}
	run.report(cause, code, at)
}

func (run *run) await(group int, ended <-chan syscall.WaitStatus) (protocol.Cause, syscall.WaitStatus) {
	var timeout <-chan time.Time
	if run.start.ExecTimeout != nil {
		timeout = time.After(seconds(*run.start.ExecTimeout))
	}
	reason := imposition{protocol.TimedOut, seconds(run.start.Grace)}
	select {
	case status := <-ended:
		return "", status
	case reason = <-run.imposed:
	case <-timeout:
	}
	// The command may have ended in the same moment.
	run.children.Collect()
	select {
	case status := <-ended:
		return "", status
	default:
	}
	run.children.Signal(group, syscall.SIGTERM)
	select {
	case status := <-ended:
		return reason.cause, status
	case <-time.After(reason.grace):
	}
	run.children.Signal(group, syscall.SIGKILL)
	return reason.cause, <-ended
}

// drain waits until all output has been read. Processes that the agent cannot end may keep a stream open.
func (run *run) drain(pumps []*record.Pump) {
	patience := time.After(run.settings.Drain)
	for _, pump := range pumps {
		select {
		case <-pump.Ended():
		case <-patience:
			for _, open := range pumps {
				open.Stop()
			}
			<-pump.Ended()
		}
	}
}

func (run *run) report(cause protocol.Cause, code int, at time.Time) {
	rules := Rules{run.start.ExitActions, run.start.Retry}
	outOfMemory := process.OutOfMemoryKills(run.settings.ControlGroup) > run.kills
	verdict := decide(cause, code, outOfMemory, rules)
	run.done <- &protocol.Ended{
		Kind:        "ended",
		Epoch:       run.start.Epoch,
		Cause:       cause,
		Code:        code,
		Outcome:     verdict.Outcome,
		Exit:        verdict.Exit,
		StartedAt:   unix(run.began),
		EndedAt:     unix(at),
		Usage:       run.children.Usage(),
		OutOfMemory: outOfMemory,
		Log: protocol.Log{
			Segments: run.segments.Count(),
			Bytes:    run.counts.Bytes.Load(),
			Missing:  run.counts.Missing.Load(),
		},
	}
}

// seconds is bounded: a timeout of centuries must not run over.
func seconds(value float64) time.Duration {
	const most = 100 * 365 * 24 * 3600
	return time.Duration(min(max(value, 0), most) * float64(time.Second))
}

func unix(at time.Time) float64 {
	return float64(at.UnixMicro()) / 1e6
}
