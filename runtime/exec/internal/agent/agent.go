// Package agent runs the command of a task as osmo-ctrl says, and ends the container when osmo-ctrl has done its part.
// runtime/README.md has the rules.
package agent

import (
	"time"

	"osmo.dev/exec/internal/process"
	"osmo.dev/exec/internal/protocol"
	"osmo.dev/exec/internal/record"
)

// agent is what one goroutine knows. Commands, the connection and requests for files have goroutines of their own,
// and tell it by channels.
type agent struct {
	settings Settings
	children *process.Children
	link     *link
	key      string

	rules    Rules
	segments *record.Segments
	run      *run // Of the newest epoch; nil before the first.
	started  *protocol.Started
	ended    *protocol.Ended // Of the newest epoch, once it has ended.

	next        *protocol.Start  // To run when the present command has ended.
	finish      *protocol.Finish // Came while the command ran.
	lost        bool             // osmo-ctrl.
	terminating bool
	told        *link // Where this was said.
}

// Run is the agent. It gives the exit code of the container.
func Run(settings Settings) int {
	process.Prepare()
	agent := &agent{settings: settings, children: &process.Children{}}
	stops := agent.listen()
	events := make(chan event)
	go connect(settings.Socket, settings.Reconnect, events)
	last := agent.loop(events, stops)
	writeTermination(settings.Termination, *last)
	return last.Exit
}

func (agent *agent) loop(events <-chan event, stops <-chan struct{}) *Last {
	for {
		var last *Last
		select {
		case event := <-events:
			last = agent.hear(event)
		case <-stops:
			last = agent.terminate()
		case ended := <-agent.done():
			last = agent.end(ended)
		}
		if last != nil {
			agent.flush()
			return last
		}
	}
}

// flush lets osmo-ctrl hear what has been said.
func (agent *agent) flush() {
	if agent.link != nil {
		agent.link.flush(time.Second)
	}
}

// done is the channel of the command that runs; none otherwise.
func (agent *agent) done() <-chan *protocol.Ended {
	if agent.run == nil || agent.ended != nil {
		return nil
	}
	return agent.run.done
}

func (agent *agent) state() string {
	switch {
	case agent.ended != nil:
		return protocol.HasEnded
	case agent.run != nil:
		return protocol.Running
	}
	return protocol.Waiting
}

func (agent *agent) hear(event event) *Last {
	if event.gone {
		return agent.lose()
	}
	agent.link = event.link
	switch message := event.message.(type) {
	case nil:
		agent.greet()
	case *protocol.Welcome:
		agent.key = message.Key
		if agent.terminating {
			agent.sayTerminating()
		}
	case *protocol.Start:
		return agent.begin(message)
	case *protocol.Stop:
		if agent.state() == protocol.Running && message.Epoch == agent.run.start.Epoch {
			agent.run.impose(protocol.Stopped, seconds(message.Grace))
		}
	case *protocol.List:
		go list(event.link, message)
	case *protocol.Open:
		go open(event.link, message)
	case *protocol.Finish:
		return agent.hearFinish(message)
	}
	return nil
}

func (agent *agent) greet() {
	hello := &protocol.Hello{Version: protocol.Version, Key: agent.key, State: agent.state(), Ended: agent.ended}
	if agent.run != nil {
		hello.Epoch = agent.run.start.Epoch
	}
	agent.say(hello)
}

// say does nothing without a connection: `hello` of the next one says it.
func (agent *agent) say(message protocol.Message) {
	if agent.link != nil {
		_ = agent.link.send(message, nil)
	}
}

// sayTerminating says it once on each connection: no other message does.
func (agent *agent) sayTerminating() {
	if agent.told != agent.link {
		agent.told = agent.link
		agent.say(&protocol.Terminating{})
	}
}

// begin runs the command of an epoch, or repeats what it said of it.
func (agent *agent) begin(start *protocol.Start) *Last {
	if agent.run != nil && start.Epoch <= agent.run.start.Epoch {
		if start.Epoch == agent.run.start.Epoch {
			agent.repeat()
		}
		return nil
	}
	if agent.state() == protocol.Running {
		agent.next = start
		agent.run.impose(protocol.Stopped, seconds(agent.run.start.Grace))
		return nil
	}
	if agent.segments == nil || agent.segments.Directory() != start.Log {
		agent.segments = record.NewSegments(start.Log, agent.settings.SegmentSize)
	}
	agent.rules = Rules{start.ExitActions, start.Retry}
	agent.started, agent.ended = nil, nil
	agent.run = newRun(agent.settings, agent.children, start, agent.segments)
	if agent.terminating {
		agent.run.skip()
		return nil
	}
	if agent.run.begin() {
		agent.started = &protocol.Started{Epoch: start.Epoch, At: unix(agent.run.began)}
		agent.say(agent.started)
	}
	return nil
}

func (agent *agent) repeat() {
	if agent.started != nil {
		agent.say(agent.started)
	}
	if agent.ended != nil {
		agent.say(agent.ended)
	}
}

func (agent *agent) end(ended *protocol.Ended) *Last {
	agent.ended = ended
	agent.say(ended)
	switch {
	case agent.lost:
		return agent.lose()
	case agent.finish != nil:
		return agent.hearFinish(agent.finish)
	case agent.next != nil:
		next := agent.next
		agent.next = nil
		return agent.begin(next)
	}
	return nil
}

// terminate is what SIGTERM does.
func (agent *agent) terminate() *Last {
	if agent.terminating {
		return nil
	}
	agent.terminating = true
	agent.next = nil
	agent.sayTerminating()
	switch agent.state() {
	case protocol.Waiting:
		return &Last{codeTerminated, exitTerminated, phasePrepare, string(protocol.Terminated), protocol.OutcomeTerminated, ""}
	case protocol.Running:
		agent.run.impose(protocol.Terminated, seconds(agent.run.start.Grace))
	}
	return nil
}

func (agent *agent) hearFinish(finish *protocol.Finish) *Last {
	switch {
	case agent.state() == protocol.Running:
		agent.finish = finish
		agent.run.impose(protocol.Stopped, seconds(agent.run.start.Grace))
		return nil
	case finish.Failure != nil:
		return lastOfFailure(*finish.Failure, agent.ended, agent.rules)
	case agent.state() == protocol.Waiting:
		// The group has ended before this task began.
		return &Last{Phase: phasePrepare, Cause: string(protocol.Stopped), Outcome: protocol.OutcomeTerminated}
	}
	return lastOf(agent.ended, agent.run.reason)
}

// lose is what to do without osmo-ctrl: the command would run for nothing, and nobody can say `finish`.
func (agent *agent) lose() *Last {
	agent.lost = true
	if agent.state() == protocol.Running {
		agent.run.impose(protocol.Stopped, seconds(agent.run.start.Grace))
		return nil
	}
	return lastWithoutCtrl(agent.ended)
}
