package record

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func noon() time.Time { return time.Date(2026, 9, 1, 12, 0, 0, 5000, time.FixedZone("", 7200)) }

const head = "2026-09-01T10:00:00.000005000Z stdout "

func read(t *testing.T, directory string, number int) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(directory, fmt.Sprintf("%06d.log", number)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestStream(t *testing.T) {
	long := strings.Repeat("x", longestLine)
	for _, test := range []struct {
		title  string
		chunks []string
		want   []string
	}{
		{"nothing", nil, nil},
		{"a line", []string{"one\n"}, []string{"F one"}},
		{"lines of a chunk", []string{"one\n\ntwo\n"}, []string{"F one", "F ", "F two"}},
		{"a line over chunks", []string{"o", "n", "e\nt", "wo\n"}, []string{"F one", "F two"}},
		{"no end", []string{"one\ntwo"}, []string{"F one", "P two"}},
		{"carriage returns", []string{"1\r2\r\n"}, []string{"F 1\r2\r"}},
		{"just as long", []string{long + "\n"}, []string{"F " + long}},
		{"just as long, with its end apart", []string{long, "\n"}, []string{"F " + long}},
		{"too long", []string{long + "y\n"}, []string{"P " + long, "F y"}},
		{"much too long", []string{long + long + "y", "z\n"}, []string{"P " + long, "P " + long, "F yz"}},
		{"not text", []string{"\x00\xff\n"}, []string{"F \x00\xff"}},
	} {
		t.Run(test.title, func(t *testing.T) {
			directory := t.TempDir()
			var counts Counts
			segments := NewSegments(directory, SegmentSize)
			stream := NewStream("stdout", segments, nil, &counts, noon)
			total := 0
			for _, chunk := range test.chunks {
				stream.Add([]byte(chunk))
				total += len(chunk)
			}
			stream.Close()
			segments.Close()
			if counts.Bytes.Load() != int64(total) || counts.Missing.Load() != 0 {
				t.Errorf("counted %d and %d", counts.Bytes.Load(), counts.Missing.Load())
			}
			if len(test.want) == 0 {
				if segments.Count() != 0 {
					t.Error("a segment of nothing")
				}
				return
			}
			want := head + strings.Join(test.want, "\n"+head) + "\n"
			if got := read(t, directory, 0); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestSegments(t *testing.T) {
	directory := t.TempDir()
	segments := NewSegments(directory, 10)
	write := func(line string) {
		t.Helper()
		if err := segments.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	write("1234\n")
	write("5678\n")
	if segments.Count() != 1 {
		t.Errorf("%d segments", segments.Count())
	}
	write("next\n")
	write("longer than a segment\n")
	segments.Close()
	write("after\n")
	for number, want := range []string{"1234\n5678\n", "next\n", "longer than a segment\n", "after\n"} {
		if got := read(t, directory, number); got != want {
			t.Errorf("segment %d: got %q, want %q", number, got, want)
		}
	}
	// osmo-ctrl has removed the first; another agent goes on behind the others.
	information, err := os.Stat(filepath.Join(directory, "000001.log"))
	if err != nil || information.Mode().Perm() != 0o660 {
		t.Errorf("%v, %v", information.Mode(), err)
	}
	segments = NewSegments(directory, 10)
	write("again\n")
	if got := read(t, directory, 4); got != "again\n" || segments.Count() != 5 {
		t.Errorf("got %q", got)
	}
}

// Lines are whole or missing, and come again when there is room.
func TestNoRoom(t *testing.T) {
	directory := t.TempDir()
	var counts Counts
	segments := NewSegments(directory, SegmentSize)
	stream := NewStream("stdout", segments, nil, &counts, noon)
	stream.Add([]byte("one\n"))

	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	lower := limit
	lower.Cur = uint64(len(head)+6) + 20 // In the middle of the next line.
	ignoreFullFiles(t)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &lower); err != nil {
		t.Fatal(err)
	}
	stream.Add([]byte("two\n"))
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	stream.Add([]byte("three\n"))
	stream.Close()
	if got, want := read(t, directory, 0), head+"F one\n"+head+"F three\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if counts.Bytes.Load() != 14 || counts.Missing.Load() != 4 {
		t.Errorf("counted %d and %d", counts.Bytes.Load(), counts.Missing.Load())
	}
}

func BenchmarkStream(b *testing.B) {
	line := strings.Repeat("x", 79) + "\n"
	chunk := []byte(strings.Repeat(line, 64*1024/len(line)))
	for name, secrets := range map[string][]string{"plain": nil, "masked": {"hunter2", "another-secret-value"}} {
		b.Run(name, func(b *testing.B) {
			var counts Counts
			segments := NewSegments(b.TempDir(), SegmentSize)
			stream := NewStream("stdout", segments, secrets, &counts, time.Now)
			b.SetBytes(int64(len(chunk)))
			for b.Loop() {
				stream.Add(chunk)
			}
			b.ReportMetric(float64(b.N*len(chunk)/len(line))/b.Elapsed().Seconds(), "lines/s")
		})
	}
}
