//go:build !linux

package process

import "syscall"

const (
	unitOfMaxrss  = 1
	adoptsOrphans = false
)

// Prepare has nothing to offer here: `osmoc run` on this system has no containers.
func Prepare() {
	const first, last = 3, 256
	for descriptor := first; descriptor < last; descriptor++ {
		syscall.CloseOnExec(descriptor)
	}
}

// Descendants are those that stayed in the process group of the command.
func Descendants(group int) []int {
	if syscall.Kill(-group, 0) == nil {
		return []int{-group}
	}
	return nil
}
