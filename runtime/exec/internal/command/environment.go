package command

import (
	"strings"

	"osmo.dev/exec/internal/protocol"
)

// Environment of a command. Later variables of a name replace earlier ones, at the earlier's place.
type Environment struct {
	entries []string
	places  map[string]int
}

// NewEnvironment takes the container's environment but for the names that are left out.
func NewEnvironment(entries []string, without ...string) *Environment {
	environment := &Environment{places: make(map[string]int, len(entries))}
	for _, entry := range entries {
		name, value, _ := strings.Cut(entry, "=")
		environment.Set(name, value)
	}
	for _, name := range without {
		environment.unset(name)
	}
	return environment
}

// Add sets variables in order. Their values may refer to those before them, and to the container's, as the kubelet
// has it.
func (environment *Environment) Add(variables []protocol.Variable) {
	for _, variable := range variables {
		environment.Set(variable.Name, Expand(variable.Value, environment.Lookup))
	}
}

// Set gives a variable a value.
func (environment *Environment) Set(name, value string) {
	entry := name + "=" + value
	if place, exists := environment.places[name]; exists {
		environment.entries[place] = entry
		return
	}
	environment.places[name] = len(environment.entries)
	environment.entries = append(environment.entries, entry)
}

// AppendToPath puts a directory behind those in which commands are looked for.
func (environment *Environment) AppendToPath(directory string) {
	path, exists := environment.Lookup("PATH")
	if !exists {
		path = defaultPath
	}
	environment.Set("PATH", path+":"+directory)
}

// Lookup gives the value of a variable, and whether there is one.
func (environment *Environment) Lookup(name string) (string, bool) {
	place, exists := environment.places[name]
	if !exists {
		return "", false
	}
	return environment.entries[place][len(name)+1:], true
}

// Entries in the form NAME=VALUE.
func (environment *Environment) Entries() []string {
	return environment.entries
}

func (environment *Environment) unset(name string) {
	place, exists := environment.places[name]
	if !exists {
		return
	}
	entries := append([]string(nil), environment.entries[:place]...)
	entries = append(entries, environment.entries[place+1:]...)
	*environment = *NewEnvironment(entries)
}
