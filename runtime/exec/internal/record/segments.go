// Package record writes the archived log: segments of lines as container runtimes write them, without secrets.
package record

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// SegmentSize is the most bytes of one segment.
const SegmentSize = 8 * 1024 * 1024

// Segments of one directory: 000000.log, 000001.log and so on. No line goes over the border of two.
type Segments struct {
	mutex     sync.Mutex
	directory string
	largest   int
	next      int
	file      *os.File
	size      int
}

// NewSegments makes no file yet.
func NewSegments(directory string, largest int) *Segments {
	return &Segments{directory: directory, largest: largest}
}

// Directory they are in.
func (segments *Segments) Directory() string { return segments.directory }

// Count of segments so far.
func (segments *Segments) Count() int {
	segments.mutex.Lock()
	defer segments.mutex.Unlock()
	return segments.next
}

// Write adds whole lines, all or none.
func (segments *Segments) Write(lines []byte) error {
	segments.mutex.Lock()
	defer segments.mutex.Unlock()
	if segments.file == nil || segments.size+len(lines) > segments.largest {
		if err := segments.open(); err != nil {
			return err
		}
	}
	written, err := segments.file.Write(lines)
	if err == nil {
		segments.size += written
		return nil
	}
	// What was written of a line that is dropped must not run into the next one.
	if truncated := segments.file.Truncate(int64(segments.size)); truncated != nil {
		segments.close()
	}
	return err
}

// Close ends the last segment.
func (segments *Segments) Close() {
	segments.mutex.Lock()
	defer segments.mutex.Unlock()
	segments.close()
}

func (segments *Segments) close() {
	if segments.file != nil {
		_ = segments.file.Close()
		segments.file = nil
	}
}

// open begins the next segment. One that exists is of an agent before this one, and is left as it is.
func (segments *Segments) open() error {
	const forGroup = 0o660 // osmo-ctrl is another user of the directory's group.
	const flags = os.O_WRONLY | os.O_APPEND | os.O_CREATE | os.O_EXCL
	for {
		path := filepath.Join(segments.directory, fmt.Sprintf("%06d.log", segments.next))
		file, err := os.OpenFile(path, flags, forGroup)
		if os.IsExist(err) {
			segments.next++
			continue
		}
		if err != nil {
			return err
		}
		_ = file.Chmod(forGroup) // Whatever the umask is.
		segments.close()
		segments.file, segments.size = file, 0
		segments.next++
		return nil
	}
}
