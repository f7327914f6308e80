//go:build linux

package main

import (
	"syscall"
	"unsafe"
)

const (
	prCapbsetDrop     = 24
	prCapAmbient      = 47
	ambientClearAll   = 4
	capabilityVersion = 0x20080522
	mostCapabilities  = 64
)

// What container runtimes leave to root: chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap,
// net_bind_service, net_raw, sys_chroot, mknod, audit_write, setfcap.
const ofContainers uint64 = 1<<0 | 1<<1 | 1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<7 | 1<<8 | 1<<10 | 1<<13 | 1<<18 | 1<<27 | 1<<29 | 1<<31

// dropCapabilities leaves the command what it would have in a container. The mounts cannot be undone then.
func dropCapabilities(privileged bool) error {
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, prCapAmbient, ambientClearAll, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	if privileged {
		return nil
	}
	for capability := range uint64(mostCapabilities) {
		if ofContainers&(1<<capability) == 0 {
			// Fails beyond the last one that the kernel knows.
			_, _, _ = syscall.RawSyscall6(syscall.SYS_PRCTL, prCapbsetDrop, uintptr(capability), 0, 0, 0, 0)
		}
	}
	return limitCapabilities()
}

func limitCapabilities() error {
	header := struct {
		version uint32
		pid     int32
	}{version: capabilityVersion}
	var sets [2]struct{ effective, permitted, inheritable uint32 }
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CAPGET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&sets)), 0); errno != 0 {
		return errno
	}
	for n := range sets {
		mask := uint32(ofContainers >> (32 * n))
		sets[n].effective &= mask
		sets[n].permitted &= mask
		sets[n].inheritable = 0
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&sets)), 0); errno != 0 {
		return errno
	}
	return nil
}
