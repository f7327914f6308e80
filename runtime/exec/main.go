// osmo-exec is the agent in the user's container. By the name of osmo it is the tool for use in a task.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"osmo.dev/exec/internal/agent"
	"osmo.dev/exec/internal/tool"
)

// Version of osmoc that this belongs to.
const version = "0.1.0"

func main() {
	os.Exit(run(os.Args))
}

func run(arguments []string) int {
	// The container's memory is the user's.
	const percent = 25
	debug.SetGCPercent(percent)
	if len(arguments) > 0 && filepath.Base(arguments[0]) == "osmo" {
		osmo := &tool.Tool{Socket: root() + "/run/tool.sock", Version: version, Stdout: os.Stdout, Stderr: os.Stderr}
		return osmo.Run(arguments[1:])
	}
	if len(arguments) > 1 {
		fmt.Fprintln(os.Stderr, "osmo-exec takes no arguments: osmo-ctrl says what to run")
		return 2
	}
	return agent.Run(agent.SettingsOf(os.Environ()))
}

// root is where the tool lies, <root>/bin/osmo: the command does not get the agent's variable.
func root() string {
	if value := os.Getenv("OSMO_ROOT"); value != "" {
		return value
	}
	own, err := os.Executable()
	if err != nil {
		return "/osmo"
	}
	return filepath.Dir(filepath.Dir(own))
}
