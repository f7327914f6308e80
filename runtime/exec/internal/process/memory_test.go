package process

import (
	"os"
	"path/filepath"
	"testing"
)

func TestOutOfMemoryKills(t *testing.T) {
	for _, test := range []struct {
		title, name, text string
		want              int
	}{
		{"version 2", "memory.events", "low 0\nhigh 0\nmax 17\noom 3\noom_kill 2\noom_group_kill 1\n", 2},
		{"version 1", "memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n", 5},
		{"an old kernel", "memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n", 0},
		{"none", "other", "oom_kill 9\n", 0},
		{"no number", "memory.events", "oom_kill many\n", 0},
	} {
		t.Run(test.title, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), test.name)
			root := filepath.Dir(path)
			if filepath.Base(root) == "memory" {
				root = filepath.Dir(root)
			}
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(test.text), 0o644); err != nil {
				t.Fatal(err)
			}
			if got := OutOfMemoryKills(root); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}
