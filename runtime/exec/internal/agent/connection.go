package agent

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"osmo.dev/exec/internal/protocol"
)

// event is what the connection tells the agent: a new link, which waits for `hello`; a message on it; or that there
// has been none for too long.
type event struct {
	link    *link
	message protocol.Message
	gone    bool
}

// connect keeps up a connection to osmo-ctrl, and gives up when there was none that was welcome for so long.
func connect(socket string, patience time.Duration, events chan<- event) {
	const shortest, longest = 10 * time.Millisecond, 50 * time.Millisecond
	pause, since := shortest, time.Now()
	for time.Since(since) < patience {
		if connection, err := protocol.Dial(socket); err == nil {
			link := newLink(connection)
			events <- event{link: link}
			if welcome := link.read(events); welcome {
				pause, since = shortest, time.Now()
			}
			link.close()
		}
		time.Sleep(min(pause, max(0, patience-time.Since(since))))
		pause = min(2*pause, longest)
	}
	events <- event{gone: true}
}

// link is one connection. Its messages are written by a goroutine of its own: osmo-ctrl must not be able to hold up
// the agent.
type link struct {
	socket *protocol.Socket
	queue  chan parcel
	closed chan struct{}
	once   sync.Once
}

type parcel struct {
	line       []byte
	descriptor *os.File
	sent       chan<- struct{}
}

func newLink(socket *protocol.Socket) *link {
	// osmo-ctrl has few requests under way; it is stuck when so many answers wait for it.
	const longest = 256
	link := &link{socket: socket, queue: make(chan parcel, longest), closed: make(chan struct{})}
	go link.write()
	return link
}

// read passes on what osmo-ctrl says until the connection ends, and tells whether it said welcome.
func (link *link) read(events chan<- event) bool {
	const patience = 30 * time.Second
	_ = link.socket.File().SetReadDeadline(time.Now().Add(patience))
	for welcome := false; ; {
		message, err := link.next(welcome)
		if err != nil {
			return welcome
		}
		if !welcome {
			welcome = true
			_ = link.socket.File().SetReadDeadline(time.Time{})
		}
		events <- event{link: link, message: message}
	}
}

func (link *link) next(welcome bool) (protocol.Message, error) {
	line, err := link.socket.ReadLine()
	if err != nil {
		return nil, err
	}
	message, err := protocol.FromCtrl(line)
	if err != nil {
		return nil, err
	}
	greeting, is := message.(*protocol.Welcome)
	if is == welcome {
		return nil, errors.New("`welcome` is the first message, and only that")
	}
	if is && greeting.Version != protocol.Version {
		return nil, fmt.Errorf("version %d is unknown", greeting.Version)
	}
	return message, nil
}

// send puts a message into the queue. The descriptor, if there is one, is closed once it is sent. Only a message
// that is too long is an error.
func (link *link) send(message protocol.Message, descriptor *os.File) error {
	line, err := protocol.Encode(message)
	if err != nil {
		return err
	}
	link.put(parcel{line: line, descriptor: descriptor})
	return nil
}

// flush waits until all before it is sent.
func (link *link) flush(patience time.Duration) {
	sent := make(chan struct{})
	link.put(parcel{sent: sent})
	select {
	case <-sent:
	case <-link.closed:
	case <-time.After(patience):
	}
}

func (link *link) put(parcel parcel) {
	select {
	case <-link.closed:
		parcel.close()
		return
	default:
	}
	select {
	case link.queue <- parcel:
	default:
		parcel.close()
		link.close()
	}
}

func (link *link) write() {
	for {
		select {
		case parcel := <-link.queue:
			err := link.socket.Write(parcel.line, parcel.descriptor)
			parcel.close()
			if err != nil {
				link.close()
			}
		case <-link.closed:
			for len(link.queue) > 0 {
				parcel := <-link.queue
				parcel.close()
			}
			return
		}
	}
}

func (link *link) close() {
	link.once.Do(func() {
		close(link.closed)
		link.socket.Close()
	})
}

func (parcel parcel) close() {
	if parcel.descriptor != nil {
		_ = parcel.descriptor.Close()
	}
	if parcel.sent != nil {
		close(parcel.sent)
	}
}
