package protocol

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

// fixtures that the tests of osmo-ctrl read too.
func fixtures(t testing.TB) map[string][]byte {
	names, err := filepath.Glob("../../../fixtures/messages/*.json")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	texts := make(map[string][]byte)
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(name)] = text
	}
	return texts
}

func reader(name string) func([]byte) (Message, error) {
	if strings.HasPrefix(name, "from-ctrl-") {
		return FromCtrl
	}
	return FromAgent
}

func TestFixtures(t *testing.T) {
	missing := make(map[string]bool)
	for _, message := range append(fromCtrl(), fromAgent()...) {
		name, _ := message.tag()
		missing[name] = true
	}
	for name, text := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			message, err := reader(name)(text)
			if err != nil {
				t.Fatal(err)
			}
			line, err := Encode(message)
			if err != nil {
				t.Fatal(err)
			}
			var got, want any
			if err := json.Unmarshal(line, &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %s", line)
			}
			if bytes.IndexByte(line, '\n') != len(line)-1 {
				t.Errorf("not one line: %q", line)
			}
			kind, _ := message.tag()
			delete(missing, kind)
			other := map[bool]func([]byte) (Message, error){true: FromAgent, false: FromCtrl}
			if _, err := other[strings.HasPrefix(name, "from-ctrl-")](text); err == nil {
				t.Error("the wrong side says it")
			}
		})
	}
	if len(missing) > 0 {
		t.Errorf("no fixture of %v", missing)
	}
}

func TestStrictness(t *testing.T) {
	for _, line := range []string{
		"", "null", "[]", "1", "{}", `{"kind":1}`, `{"kind":"nothing"}`, `{"kind":"open","id":"1","path":""}`,
		`{"kind":"open","id":1,"path":"","more":0}`, `{"kind":"open","id":1,"path":""} {}`, `{"kind":"open","id":1.5,"path":""}`,
		`{"kind":"start","masks":{"files":[]}}`, `{"kind":"open","id":1`, "\x00",
	} {
		if message, err := FromCtrl([]byte(line)); err == nil {
			t.Errorf("%s: got %+v", line, message)
		}
	}
}

func pair(t *testing.T) (*Socket, *Socket) {
	descriptors, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	var sockets [2]*Socket
	for index, descriptor := range descriptors {
		if err := syscall.SetNonblock(descriptor, true); err != nil {
			t.Fatal(err)
		}
		sockets[index] = NewSocket(os.NewFile(uintptr(descriptor), "pair"))
		t.Cleanup(sockets[index].Close)
	}
	return sockets[0], sockets[1]
}

func TestReadLine(t *testing.T) {
	left, right := pair(t)
	longest := strings.Repeat("x", Longest-1)
	go func() {
		_ = left.Write([]byte("one\n\n"+longest+"\n"+longest+"xx\n"), nil)
	}()
	for _, want := range []string{"one", "", longest} {
		if line, err := right.ReadLine(); err != nil || string(line) != want {
			t.Errorf("got %d bytes, %v", len(line), err)
		}
	}
	if _, err := right.ReadLine(); err == nil {
		t.Error("a line that is too long was read")
	}
}

func TestALineThatBreaksOff(t *testing.T) {
	left, right := pair(t)
	if err := left.Write([]byte(`{"kind":"finish","failure":null}`), nil); err != nil {
		t.Fatal(err)
	}
	left.Close()
	if line, err := right.ReadLine(); err == nil {
		t.Errorf("got %q", line)
	}
}

func FuzzMessages(f *testing.F) {
	for _, text := range fixtures(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, read := range []func([]byte) (Message, error){FromCtrl, FromAgent} {
			message, err := read(text)
			if err != nil {
				continue
			}
			line, err := Encode(message)
			if err != nil {
				t.Fatal(err)
			}
			again, err := read(line)
			if err != nil || !reflect.DeepEqual(again, message) {
				t.Errorf("got %+v, %v, want %+v", again, err, message)
			}
		}
	})
}
