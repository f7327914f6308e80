package protocol

import (
	"bufio"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
)

// Socket is a connection over a Unix socket that also carries descriptors. Package net would do the same, at the
// price of a resolver in each user's container.
type Socket struct {
	file   *os.File
	lines  *bufio.Reader
	sender sync.Mutex
}

// Dial connects to the socket at a path.
func Dial(path string) (*Socket, error) {
	// Between the two calls no command may be started: it would inherit the descriptor.
	syscall.ForkLock.RLock()
	descriptor, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(descriptor)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	// Nonblocking, so that Close ends a read or write that waits, and a listener that does not accept holds up nobody.
	err = syscall.SetNonblock(descriptor, true)
	if err == nil {
		err = syscall.Connect(descriptor, &syscall.SockaddrUnix{Name: path})
	}
	if err != nil {
		_ = syscall.Close(descriptor)
		return nil, &os.PathError{Op: "connect", Path: path, Err: err}
	}
	return NewSocket(os.NewFile(uintptr(descriptor), path)), nil
}

// NewSocket takes over a connected, nonblocking socket.
func NewSocket(file *os.File) *Socket {
	return &Socket{file: file, lines: bufio.NewReaderSize(file, 4096)}
}

// File is the socket itself, for deadlines.
func (socket *Socket) File() *os.File { return socket.file }

// Close ends the connection.
func (socket *Socket) Close() { _ = socket.file.Close() }

// ReadLine gives the next line without its end. A line that is too long is an error, as is one that breaks off.
func (socket *Socket) ReadLine() ([]byte, error) {
	var line []byte
	for {
		part, err := socket.lines.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > Longest {
			return nil, errors.New("a message is too long")
		}
		if err == nil {
			return line[:len(line)-1], nil
		}
		if errors.Is(err, io.EOF) && len(line) > 0 {
			return nil, io.ErrUnexpectedEOF
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
	}
}

// Write sends a line. A descriptor, unless it is nil, goes with the first byte.
func (socket *Socket) Write(line []byte, descriptor *os.File) error {
	socket.sender.Lock()
	defer socket.sender.Unlock()
	if descriptor == nil {
		_, err := socket.file.Write(line)
		return err
	}
	connection, err := socket.file.SyscallConn()
	if err != nil {
		return err
	}
	var sent int
	var failure error
	err = connection.Write(func(fd uintptr) bool {
		sent, failure = syscall.SendmsgN(int(fd), line, syscall.UnixRights(int(descriptor.Fd())), nil, 0)
		return failure != syscall.EAGAIN && failure != syscall.EINTR
	})
	// A write of nothing would fail if the other side has read all and hung up.
	if err = errors.Join(err, failure); err != nil || sent == len(line) {
		return err
	}
	_, err = socket.file.Write(line[sent:])
	return err
}
