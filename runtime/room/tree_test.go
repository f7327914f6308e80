//go:build linux

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestResolveFollowsLinksWithinTheRoom(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"usr/bin", "run/deep"} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	links := map[string]string{"bin": "usr/bin", "var": "/run", "usr/up": "../run", "loop": "loop", "out": "../../run"}
	for name, aim := range links {
		if err := os.Symlink(aim, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	tree := &Tree{root: root}
	for _, test := range []struct{ path, at, missing string }{
		{"/usr/bin", "/usr/bin", ""},
		{"/usr/bin/x/y", "/usr/bin", "x/y"},
		{"/bin/x", "/usr/bin", "x"},
		{"/var/deep", "/run/deep", ""},
		{"/var/x", "/run", "x"},
		{"/usr/up/deep", "/run/deep", ""},
		{"/out/deep", "/run/deep", ""}, // `..` of the root is the root
		{"/new/dir/x", "", "new/dir/x"},
		{"//usr/./bin/", "/usr/bin", ""},
		{"/usr/bin/../x", "/usr", "x"},
	} {
		at, missing, err := tree.resolve(test.path)
		if err != nil || at != test.at || strings.Join(missing, "/") != test.missing {
			t.Errorf("%s: %q %q %v, want %q %q", test.path, at, missing, err, test.at, test.missing)
		}
	}
	if _, _, err := tree.resolve("/loop/x"); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("a link to itself: %v", err)
	}
}

func TestDescendantsAreThoseOfTheAncestor(t *testing.T) {
	parent, alive := parentOf(os.Getpid())
	if !alive || parent != os.Getppid() {
		t.Fatalf("parent %d, want %d", parent, os.Getppid())
	}
	found := false
	for _, pid := range descendants(parent) {
		found = found || pid == os.Getpid()
	}
	if !found {
		t.Error("this process is no descendant of its parent")
	}
}

func TestConfigOfARoomNeedsItsDirectories(t *testing.T) {
	path := filepath.Join(t.TempDir(), "room.json")
	for text, valid := range map[string]bool{
		`{"namespaces": true}`:                              false,
		`{"namespaces": true, "root": "/r", "parts": "/p"}`: true,
		`{"command": ["true"]}`:                             true,
		`{`:                                                 false,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := read(path); (err == nil) != valid {
			t.Errorf("%s: %v", text, err)
		}
	}
}
