// osmo-room runs one command in a room of its own: the host's directories, read-only, and what a pod has beside them
// at the same absolute paths. `osmoc run` uses it where a cluster has the container runtime.
//
// The outer process stays outside and watches; the inner one, first of a PID namespace, builds the room and becomes
// the command. Whatever happens to the outer one or to the end of the leash ends all that is within.
//
//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
)

// Exit codes of our own, as those of container runtimes.
const (
	exitUsage = 64
	exitRoom  = 125
	exitStart = 126
)

// Config is the file that `osmoc run` writes for each room.
type Config struct {
	// Namespaces is false where the host refuses them: the command then runs on the host as it is.
	Namespaces bool `json:"namespaces"`
	// User asks for a user namespace; root can do without.
	User bool `json:"user"`
	// Root is the empty directory that becomes `/`.
	Root string `json:"root"`
	// Parts is an empty directory for those of the host that get something put into them.
	Parts  string  `json:"parts"`
	Mounts []Mount `json:"mounts"`
	// Hide lists directories and files of the host that are empty in the room.
	Hide []string `json:"hide"`
	// Privileged keeps all capabilities of the caller.
	Privileged bool `json:"privileged"`
	// Before are commands that must succeed first.
	Before [][]string `json:"before"`
	// Command is what the room is for; without one the room is only tried.
	Command []string `json:"command"`
	// Stop is a command that asks the command to end; SIGTERM does where there is none, or where it fails.
	Stop []string `json:"stop"`
	// After are commands that end what a command leaves behind that was killed: its container is no child of it.
	After [][]string `json:"after"`
}

// Mount shows a file or directory of the host at a path of the room.
type Mount struct {
	Source   string `json:"source"`
	Target   string `json:"target"`
	Writable bool   `json:"writable"`
}

func init() {
	// Namespaces, capabilities and the parent-death signal belong to threads.
	runtime.LockOSThread()
}

func main() {
	inner := flag.Bool("inner", false, "used by osmo-room itself")
	path := flag.String("config", "", "the description of the room, JSON")
	leash := flag.Int("leash", -1, "descriptor whose end of file ends everything")
	report := flag.Int("report", -1, "descriptor for one line: `ready`, or what went wrong")
	flag.Parse()
	config, err := read(*path)
	if err != nil {
		fmt.Fprintf(os.Stderr, "osmo-room: %v\n", err)
		os.Exit(exitUsage)
	}
	if *inner {
		os.Exit(enter(config, reporter(*report)))
	}
	os.Exit(watch(config, *path, *leash, *report))
}

func read(path string) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	config := &Config{}
	if err := json.Unmarshal(text, config); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if config.Namespaces && (config.Root == "" || config.Parts == "") {
		return nil, errors.New("a room needs `root` and `parts`")
	}
	return config, nil
}

// Reporter tells `osmoc run` one thing: that the command starts now, or why it does not.
type Reporter struct{ file *os.File }

func reporter(descriptor int) *Reporter {
	if descriptor < 0 {
		return &Reporter{}
	}
	closeOnExec(descriptor)
	return &Reporter{os.NewFile(uintptr(descriptor), "report")}
}

func (r *Reporter) say(line string) {
	if r.file != nil {
		fmt.Fprintln(r.file, line)
	}
}
