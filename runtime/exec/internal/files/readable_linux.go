package files

import (
	"os"
	"strconv"
	"syscall"
)

// MakeReadable does what `chmod -R a+rX` does, but follows no link: osmo-ctrl is another user. What may not be
// changed is left as it is, and osmo-ctrl names it.
func MakeReadable(root string) {
	if descriptor, err := syscall.Open(root, look, 0); err == nil {
		makeReadable(descriptor)
		_ = syscall.Close(descriptor)
	}
}

// look is a descriptor of an entry itself, which takes no rights to it.
const (
	pathOnly = 0x200000
	look     = pathOnly | syscall.O_NOFOLLOW | syscall.O_CLOEXEC
)

func makeReadable(descriptor int) {
	var status syscall.Stat_t
	if syscall.Fstat(descriptor, &status) != nil {
		return
	}
	kind := status.Mode & syscall.S_IFMT
	if kind != syscall.S_IFREG && kind != syscall.S_IFDIR {
		return
	}
	mode := status.Mode & 0o7777
	if wanted := readable(mode, kind == syscall.S_IFDIR); wanted != mode {
		// The descriptor's own file, whatever its name is by now.
		_ = syscall.Chmod("/proc/self/fd/"+strconv.Itoa(descriptor), wanted)
	}
	if kind == syscall.S_IFDIR {
		makeEntriesReadable(descriptor)
	}
}

func makeEntriesReadable(descriptor int) {
	open, err := syscall.Openat(descriptor, ".", syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	directory := os.NewFile(uintptr(open), ".")
	defer directory.Close()
	for {
		const atOnce = 128
		names, err := directory.Readdirnames(atOnce)
		for _, name := range names {
			if entry, err := syscall.Openat(descriptor, name, look, 0); err == nil {
				makeReadable(entry)
				_ = syscall.Close(entry)
			}
		}
		if err != nil {
			return
		}
	}
}

func readable(mode uint32, isDirectory bool) uint32 {
	const read, execute = 0o444, 0o111
	mode |= read
	if isDirectory || mode&execute != 0 {
		mode |= execute
	}
	return mode
}
