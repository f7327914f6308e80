package record

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"
)

// Pump reads one stream of a command until it ends. The container's own stream gets every byte, the log as many as
// there is room for.
type Pump struct {
	source *os.File
	own    io.Writer
	log    *Stream
	ended  chan struct{}
}

// NewPump starts to read.
func NewPump(source *os.File, own io.Writer, log *Stream) *Pump {
	pump := &Pump{source: source, own: own, log: log, ended: make(chan struct{})}
	go pump.run()
	return pump
}

// Ended is closed when all has been read and written.
func (pump *Pump) Ended() <-chan struct{} { return pump.ended }

func (pump *Pump) run() {
	defer close(pump.ended)
	defer pump.source.Close()
	defer pump.log.Close()
	buffer := make([]byte, 64*1024)
	for {
		count, err := pump.source.Read(buffer)
		pump.pass(buffer[:count])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			pump.drain(buffer)
			return
		}
		if err != nil {
			return
		}
	}
}

// drain takes what is in the pipe when a process that cannot be ended still has its other end: no more than a pipe
// may hold, since that process may go on writing.
func (pump *Pump) drain(buffer []byte) {
	const largestPipe = 1024 * 1024
	connection, err := pump.source.SyscallConn()
	if err != nil {
		return
	}
	for total := 0; total < largestPipe; {
		count := 0
		_ = connection.Control(func(descriptor uintptr) {
			count, _ = syscall.Read(int(descriptor), buffer)
		})
		if count <= 0 {
			return
		}
		pump.pass(buffer[:count])
		total += count
	}
}

// pass goes on when the own stream is broken: the log is then all that is left.
func (pump *Pump) pass(chunk []byte) {
	if len(chunk) == 0 {
		return
	}
	_, _ = pump.own.Write(chunk)
	pump.log.Add(chunk)
}

// Stop ends the reading once what is there has been read.
func (pump *Pump) Stop() { _ = pump.source.SetReadDeadline(time.Now()) }
