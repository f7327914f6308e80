package record

import (
	"io"
	"os"
	"path/filepath"
	"strings"

	"osmo.dev/exec/internal/protocol"
)

// Secrets collects the values that masks name. Files of several lines, such as keys, count as a whole and by line.
func Secrets(masks protocol.Masks, lookup func(name string) (string, bool)) []string {
	var secrets []string
	for _, name := range masks.Variables {
		value, _ := lookup(name)
		secrets = append(secrets, valuesOf(value)...)
	}
	for _, directory := range masks.Directories {
		secrets = append(secrets, secretsBelow(directory)...)
	}
	return secrets
}

func valuesOf(text string) []string {
	// Shorter lines would mask the braces of a JSON document wherever they are.
	const shortestLine = 8
	text = strings.TrimRight(text, "\r\n")
	values := []string{text}
	if !strings.Contains(text, "\n") {
		return values
	}
	for _, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); len(line) >= shortestLine {
			values = append(values, line)
		}
	}
	return values
}

// secretsBelow reads a volume as the kubelet makes them: names are links into a folder ..data, which is one to the
// folder of the newest state. Names with two dots are the kubelet's own.
func secretsBelow(directory string) []string {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return nil
	}
	var secrets []string
	for _, entry := range entries {
		path := filepath.Join(directory, entry.Name())
		information, err := os.Stat(path)
		switch {
		case err != nil || strings.HasPrefix(entry.Name(), ".."):
		case information.IsDir() && entry.IsDir():
			secrets = append(secrets, secretsBelow(path)...)
		case information.Mode().IsRegular():
			secrets = append(secrets, valuesOf(readSecret(path))...)
		}
	}
	return secrets
}

func readSecret(path string) string {
	const largest = 1024 * 1024 // Of a Secret.
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	text, _ := io.ReadAll(io.LimitReader(file, largest))
	return string(text)
}
