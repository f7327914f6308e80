package record

import (
	"bytes"
	"sync/atomic"
	"time"
)

// Most bytes of one line in a segment. What is longer is written in parts.
const longestLine = 16 * 1024

// Counts of an epoch's log, of both streams.
type Counts struct {
	Bytes   atomic.Int64
	Missing atomic.Int64
}

// Stream writes one stream of a command to segments.
type Stream struct {
	name     string
	segments *Segments
	masker   *Masker
	counts   *Counts
	now      func() time.Time
	line     []byte // Begun, and not yet ended.
	lines    []byte // For the next write.
	source   int    // Bytes of the command that lines stands for.
}

// NewStream writes as `stdout` or `stderr`.
func NewStream(name string, segments *Segments, secrets []string, counts *Counts, now func() time.Time) *Stream {
	return &Stream{name: name, segments: segments, masker: NewMasker(secrets), counts: counts, now: now}
}

// Add takes a chunk of any size. It never fails: what finds no room is counted as missing.
func (stream *Stream) Add(chunk []byte) {
	stream.counts.Bytes.Add(int64(len(chunk)))
	stream.split(stream.masker.Mask(chunk))
	stream.write()
}

// Close writes what was held back. A last line without an end stays without one.
func (stream *Stream) Close() {
	stream.split(stream.masker.Flush())
	if len(stream.line) > 0 {
		stream.format(stream.head(), 'P', stream.line)
		stream.line = nil
	}
	stream.write()
}

func (stream *Stream) split(text []byte) {
	if len(text) == 0 {
		return
	}
	head := stream.head()
	for len(text) > 0 {
		end := bytes.IndexByte(text, '\n')
		piece := text
		if end >= 0 {
			piece = text[:end]
		}
		room := longestLine - len(stream.line)
		switch {
		case len(piece) > room:
			stream.line = append(stream.line, piece[:room]...)
			stream.format(head, 'P', stream.line)
			stream.line = stream.line[:0]
			text = text[room:]
		case end < 0:
			stream.line = append(stream.line, piece...)
			return
		case len(stream.line) == 0:
			stream.format(head, 'F', piece)
			text = text[end+1:]
		default:
			stream.line = append(stream.line, piece...)
			stream.format(head, 'F', stream.line)
			stream.line = stream.line[:0]
			text = text[end+1:]
		}
	}
}

// head begins all lines of a chunk: one look at the clock is enough for them.
func (stream *Stream) head() []byte {
	head := stream.now().UTC().AppendFormat(nil, "2006-01-02T15:04:05.000000000Z ")
	head = append(head, stream.name...)
	return append(head, ' ')
}

func (stream *Stream) format(head []byte, tag byte, line []byte) {
	// Small pieces lose little when there is no room, and keep the agent small.
	const atOnce = 32 * 1024
	if len(stream.lines)+len(head)+len(line) > atOnce {
		stream.write()
	}
	stream.lines = append(stream.lines, head...)
	stream.lines = append(stream.lines, tag, ' ')
	stream.lines = append(stream.lines, line...)
	stream.lines = append(stream.lines, '\n')
	stream.source += len(line)
	if tag == 'F' {
		stream.source++
	}
}

func (stream *Stream) write() {
	if len(stream.lines) == 0 {
		return
	}
	if err := stream.segments.Write(stream.lines); err != nil {
		stream.counts.Missing.Add(int64(stream.source))
	}
	stream.lines, stream.source = stream.lines[:0], 0
}
