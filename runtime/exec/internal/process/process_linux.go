package process

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

const (
	unitOfMaxrss  = 1024
	adoptsOrphans = true
)

// Prepare makes orphans of the command children of this process, hides it from the command, and keeps all its
// descriptors to itself.
func Prepare() {
	const setDumpable, setChildSubreaper = 4, 36
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setDumpable, 0, 0)
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0)
	keepDescriptors()
}

// keepDescriptors closes on exec what the container runtime may have left open.
func keepDescriptors() {
	const closeRange, first, last, closeOnExec = 436, 3, 1<<32 - 1, 4
	if _, _, failure := syscall.RawSyscall(closeRange, first, last, closeOnExec); failure == 0 {
		return
	}
	// Linux before 5.11, or a seccomp profile from before it.
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return
	}
	for _, entry := range entries {
		if descriptor, err := strconv.Atoi(entry.Name()); err == nil && descriptor >= first {
			syscall.CloseOnExec(descriptor)
		}
	}
}

// Descendants of this process that have not ended. Its process group is all that is known where there is no /proc.
func Descendants(group int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		if syscall.Kill(-group, 0) == nil {
			return []int{-group}
		}
		return nil
	}
	children := make(map[int][]int)
	zombies := make(map[int]bool)
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if parent, zombie, known := parentOf(pid); known {
			children[parent] = append(children[parent], pid)
			zombies[pid] = zombie
		}
	}
	var descendants []int
	pending := children[os.Getpid()]
	for len(pending) > 0 {
		pid := pending[0]
		pending = append(pending[1:], children[pid]...)
		if !zombies[pid] {
			descendants = append(descendants, pid)
		}
	}
	return descendants
}

// parentOf reads /proc/<pid>/stat: "1234 (any name) S 1 ...".
func parentOf(pid int) (parent int, zombie, known bool) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, false, false
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0, false, false
	}
	parent, err = strconv.Atoi(string(fields[1]))
	return parent, fields[0][0] == 'Z' || fields[0][0] == 'X', err == nil
}
