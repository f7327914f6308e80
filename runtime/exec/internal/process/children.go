// Package process starts the command, collects the ends of all children, and ends what the command leaves behind.
package process

import (
	"os"
	"sync"
	"syscall"
	"time"

	"osmo.dev/exec/internal/protocol"
)

// Children collects the ends of all children: the command, and orphans that the kernel hands to this process because
// it is a subreaper or the first of its namespace.
type Children struct {
	mutex sync.Mutex
	main  int
	ended chan syscall.WaitStatus
	usage protocol.Usage
}

// Program is what to start.
type Program struct {
	Path           string
	Arguments      []string
	Environment    []string
	Stdout, Stderr *os.File
}

// Start runs a program in its own process group, with empty standard input and no other descriptors. The channel
// gives its status when it has ended.
func (children *Children) Start(program Program) (int, <-chan syscall.WaitStatus, error) {
	stdin, err := emptyInput()
	if err != nil {
		return 0, nil, err
	}
	defer stdin.Close()
	// Held until the process is known: Collect would otherwise take the status of one that ends at once.
	children.mutex.Lock()
	defer children.mutex.Unlock()
	pid, err := syscall.ForkExec(program.Path, program.Arguments, &syscall.ProcAttr{
		Env:   program.Environment,
		Files: []uintptr{stdin.Fd(), program.Stdout.Fd(), program.Stderr.Fd()},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return 0, nil, err
	}
	children.main = pid
	children.ended = make(chan syscall.WaitStatus, 1)
	children.usage = protocol.Usage{}
	return pid, children.ended, nil
}

// Collect takes the status of all children that have ended. It is to be called on SIGCHLD, and tells whether there
// are children left.
func (children *Children) Collect() bool {
	children.mutex.Lock()
	defer children.mutex.Unlock()
	for {
		var status syscall.WaitStatus
		var usage syscall.Rusage
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, &usage)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return err == nil
		}
		children.usage.PeakMemory = max(children.usage.PeakMemory, usage.Maxrss*unitOfMaxrss)
		children.usage.UserSeconds += seconds(usage.Utime)
		children.usage.SystemSeconds += seconds(usage.Stime)
		if pid == children.main {
			children.main = 0
			children.ended <- status
		}
	}
}

// Usage of all children since Start.
func (children *Children) Usage() protocol.Usage {
	children.mutex.Lock()
	defer children.mutex.Unlock()
	return children.usage
}

// Sweep ends what a command has left: TERM, grace, KILL. It gives up on what KILL does not end, such as a process
// that waits for a dead file server.
func (children *Children) Sweep(group int, grace time.Duration) {
	const afterKill = 5 * time.Second
	if children.await(group, syscall.SIGTERM, grace) {
		children.await(group, syscall.SIGKILL, afterKill)
	}
}

// await signals all descendants, those that turn up later too, and tells whether some are still there in the end.
func (children *Children) await(group int, signal syscall.Signal, longest time.Duration) bool {
	const first, last = time.Millisecond, 50 * time.Millisecond
	deadline := time.Now().Add(longest)
	signaled := make(map[int]bool)
	for pause := first; ; pause = min(2*pause, last) {
		left := children.Collect()
		if adoptsOrphans && !left {
			return false
		}
		descendants := Descendants(group)
		if !adoptsOrphans && len(descendants) == 0 {
			return false
		}
		for _, pid := range descendants {
			if !signaled[pid] || signal == syscall.SIGKILL {
				signaled[pid] = true
				_ = syscall.Kill(pid, signal)
			}
		}
		if time.Now().After(deadline) {
			return true
		}
		time.Sleep(pause)
	}
}

// Signal reaches the process group of the command, and with KILL all its descendants.
func (children *Children) Signal(group int, signal syscall.Signal) {
	_ = syscall.Kill(-group, signal)
	if signal == syscall.SIGKILL {
		for _, pid := range Descendants(group) {
			_ = syscall.Kill(pid, signal)
		}
	}
}

func emptyInput() (*os.File, error) {
	if null, err := os.Open(os.DevNull); err == nil {
		return null, nil
	}
	// A container without /dev.
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return reader, writer.Close()
}

func seconds(value syscall.Timeval) float64 {
	return float64(value.Sec) + float64(value.Usec)/1e6
}
