package process

import (
	"os"
	"strconv"
	"strings"
)

// OutOfMemoryKills counts how often the kernel has ended a process of this control group; 0 if it does not say.
// The root is /sys/fs/cgroup.
func OutOfMemoryKills(root string) int {
	for _, name := range []string{"memory.events", "memory/memory.oom_control"} {
		text, err := os.ReadFile(root + "/" + name)
		if err != nil {
			continue
		}
		for _, line := range strings.Split(string(text), "\n") {
			if value, is := strings.CutPrefix(line, "oom_kill "); is {
				count, _ := strconv.Atoi(value)
				return count
			}
		}
	}
	return 0
}
