package agent

import (
	"os"
	"os/signal"
	"syscall"
)

// listen collects children that have ended, and gives a channel that tells of signals that end the container.
func (agent *agent) listen() <-chan struct{} {
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	go func() {
		for range children {
			agent.children.Collect()
		}
	}()

	// A broken output and a full file are errors of a write, not the end of the agent. They are caught and not
	// ignored, since commands would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE, syscall.SIGXFSZ)

	// Container runtimes send the STOPSIGNAL of the image, whatever it is.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR1)
	if os.Getpid() == 1 {
		// Anywhere else it tells that a window has a new size.
		signal.Notify(caught, syscall.SIGWINCH)
		signal.Notify(caught, stopsOfInit()...)
	}
	stops := make(chan struct{})
	go func() {
		for range caught {
			stops <- struct{}{}
		}
	}()
	return stops
}
