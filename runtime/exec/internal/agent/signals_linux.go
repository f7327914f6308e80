package agent

import (
	"os"
	"syscall"
)

// stopsOfInit is SIGRTMIN+3, the STOPSIGNAL of images with systemd.
func stopsOfInit() []os.Signal { return []os.Signal{syscall.Signal(37)} }
