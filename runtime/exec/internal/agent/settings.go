package agent

import (
	"os"
	"time"

	"osmo.dev/exec/internal/record"
)

// Variables of the agent. The command does not see them.
const (
	variableRoot        = "OSMO_ROOT"
	variableTermination = "OSMO_TERMINATION_LOG"
)

// Settings of the agent. Tests shorten the times.
type Settings struct {
	Socket         string
	Tools          string // Where `osmo` lies: the last place in which commands are looked for.
	Termination    string
	ControlGroup   string
	Environment    []string
	Stdout, Stderr *os.File
	Reconnect      time.Duration // How long osmo-ctrl may be away.
	Leftovers      time.Duration // Between TERM and KILL for what the command leaves behind.
	Drain          time.Duration // How long output is read when nothing is left that the agent can end.
	SegmentSize    int
}

// SettingsOf a container.
func SettingsOf(environment []string) Settings {
	settings := Settings{
		Termination:  "/dev/termination-log",
		ControlGroup: "/sys/fs/cgroup",
		Environment:  environment,
		Stdout:       os.Stdout,
		Stderr:       os.Stderr,
		Reconnect:    5 * time.Minute,
		Leftovers:    5 * time.Second,
		Drain:        2 * time.Second,
		SegmentSize:  record.SegmentSize,
	}
	root := "/osmo"
	if value := os.Getenv(variableRoot); value != "" {
		root = value
	}
	if value := os.Getenv(variableTermination); value != "" {
		settings.Termination = value
	}
	settings.Socket = root + "/run/control.sock"
	settings.Tools = root + "/bin"
	return settings
}
