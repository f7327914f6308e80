package command

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"osmo.dev/exec/internal/protocol"
)

// The cases of expand_test.go of Kubernetes, and some of ours.
func TestExpand(t *testing.T) {
	values := map[string]string{"VAR_A": "A", "VAR_B": "B", "VAR_C": "C", "VAR_REF": "$(VAR_A)", "VAR_EMPTY": ""}
	for _, test := range []struct{ text, want string }{
		{"$(VAR_A)", "A"},
		{"___$(VAR_B)___", "___B___"},
		{"___$(VAR_C)", "___C"},
		{"$(VAR_A)-$(VAR_A)", "A-A"},
		{"$(VAR_A)-1", "A-1"},
		{"$(VAR_REF)", "$(VAR_A)"},
		{"%%$(VAR_REF)--$(VAR_REF)%%", "%%$(VAR_A)--$(VAR_A)%%"},
		{"foo$(VAR_EMPTY)bar", "foobar"},
		{"foo$(VAR_Awhoops!", "foo$(VAR_Awhoops!"},
		{"f00__(VAR_A)__", "f00__(VAR_A)__"},
		{"$?_boo_$!", "$?_boo_$!"},
		{"$VAR_A", "$VAR_A"},
		{"$(VAR_DNE)", "$(VAR_DNE)"},
		{"$$$$$$(BIG_MONEY)", "$$$(BIG_MONEY)"},
		{"$$$$$$(VAR_A)", "$$$(VAR_A)"},
		{"$$$$$$$(GOOD_ODDS)", "$$$$(GOOD_ODDS)"},
		{"$$$$$$$(VAR_A)", "$$$A"},
		{"$VAR_A)", "$VAR_A)"},
		{"${VAR_A}", "${VAR_A}"},
		{"$(VAR_B)_______$(A", "B_______$(A"},
		{"$(C_)_______$(A", "$(C_)_______$(A"},
		{"$(A)$(B_____________$", "$(A)$(B_____________$"},
		{"$$(VAR_A)", "$(VAR_A)"},
		{"$()", "$()"},
		{"$)", "$)"},
		{"a$", "a$"},
		{"$$", "$"},
		{"$é$(VAR_A)", "$éA"},
		{"", ""},
	} {
		got := Expand(test.text, func(name string) (string, bool) {
			value, known := values[name]
			return value, known
		})
		if got != test.want {
			t.Errorf("Expand(%q) = %q, want %q", test.text, got, test.want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	environment := NewEnvironment([]string{"PATH=/bin", "OSMO_ROOT=/osmo", "A=1", "ODD"}, "OSMO_ROOT", "MISSING")
	environment.Add([]protocol.Variable{
		{Name: "PATH", Value: "/opt:$(PATH)"},
		{Name: "B", Value: "$(A)$(C)$$(A)"},
		{Name: "C", Value: "$(B)="},
	})
	want := []string{"PATH=/opt:/bin", "A=1", "ODD=", "B=1$(C)$(A)", "C=1$(C)$(A)="}
	if got := environment.Entries(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	file := func(name string, mode os.FileMode) string {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("good/tool", 0o755)
	plain := file("plain/tool", 0o644)
	file("folder/tool/x", 0o644)
	path := func(names ...string) []string {
		entry := "PATH="
		for index, name := range names {
			if index > 0 {
				entry += ":"
			}
			entry += filepath.Join(root, name)
		}
		return []string{entry}
	}
	for _, test := range []struct {
		title    string
		name     string
		entries  []string
		want     string
		notFound bool
	}{
		{"by PATH", "tool", path("none", "good"), good, false},
		{"past one that is no program", "tool", path("plain", "folder", "good"), good, false},
		{"only one that is no program", "tool", path("none", "plain", "none"), "", false},
		{"only a directory", "tool", path("folder"), "", false},
		{"nowhere", "tool", path("none"), "", true},
		{"through a file", "tool", path("plain/tool"), "", true},
		{"with a slash", good, path("none"), good, false},
		{"with a slash and no program", plain, path("good"), "", false},
		{"with a slash and nowhere", "./tool", path("good"), "", true},
		{"empty", "", path("good"), "", true},
		{"no PATH at all", "sh", nil, "/bin/sh", false},
		{"an empty PATH", "tool", []string{"PATH="}, "", true},
	} {
		t.Run(test.title, func(t *testing.T) {
			got, err := Find(test.name, NewEnvironment(test.entries))
			if test.want != "" {
				if err != nil || !strings.HasSuffix(got, test.want) {
					t.Errorf("got %q, %v", got, err)
				}
				return
			}
			if err == nil || errors.Is(err, ErrNotFound) != test.notFound {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestTheToolIsFoundLast(t *testing.T) {
	for _, path := range []string{"PATH=/a:/b", "OTHER=1"} {
		environment := NewEnvironment([]string{path})
		environment.AppendToPath("/osmo/bin")
		got, _ := environment.Lookup("PATH")
		if want := strings.TrimPrefix(path, "PATH=") + ":/osmo/bin"; path[0] == 'P' && got != want {
			t.Errorf("PATH is %s, not %s", got, want)
		}
		if want := defaultPath + ":/osmo/bin"; path[0] == 'O' && got != want {
			t.Errorf("PATH is %s, not %s", got, want)
		}
	}
}
