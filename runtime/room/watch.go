//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

const capSysAdmin = 21

// watch starts the inner process, passes signals on, and ends it when the leash is let go. It returns its exit code.
func watch(config *Config, path string, leash int, report int) int {
	command := exec.Command("/proc/self/exe", "-inner", "-config", path)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	if report >= 0 {
		closeOnExec(report)
		command.ExtraFiles = []*os.File{os.NewFile(uintptr(report), "report")}
		command.Args = append(command.Args, "-report", "3")
	}
	command.SysProcAttr = attributes(config)
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT)
	letGo := make(chan struct{})
	if leash >= 0 {
		closeOnExec(leash)
		go waitForEnd(leash, letGo)
	}
	if !config.Namespaces {
		adoptOrphans()
	}
	if err := command.Start(); err != nil {
		fmt.Fprintf(os.Stderr, "osmo-room: no namespace: %v\n", err)
		return exitRoom
	}
	for _, file := range command.ExtraFiles {
		file.Close()
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	for {
		select {
		case err := <-ended:
			if wasKilled(command.ProcessState) {
				runAll(config.After)
			}
			if !config.Namespaces {
				killDescendants()
			}
			return exitCode(err)
		case received := <-signals:
			go pass(received, command.Process, config.Stop)
		case <-letGo:
			letGo = nil
			_ = command.Process.Kill() // in a PID namespace this takes everything in it along
		}
	}
}

func wasKilled(state *os.ProcessState) bool {
	if state == nil {
		return false
	}
	status, is := state.Sys().(syscall.WaitStatus)
	return is && status.Signaled()
}

// pass tells the command of a signal. Clients of containers do not all pass on what they get themselves.
func pass(received os.Signal, process *os.Process, stop []string) {
	if received != syscall.SIGTERM || len(stop) == 0 || run(stop) != nil {
		_ = process.Signal(received)
	}
}

// runAll tries each command; nobody is there to be told which of them failed.
func runAll(commands [][]string) {
	for _, words := range commands {
		_ = run(words)
	}
}

func run(words []string) error {
	const patience = 20 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return exec.CommandContext(ctx, words[0], words[1:]...).Run()
}

func attributes(config *Config) *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if !config.Namespaces {
		return attributes
	}
	attributes.Cloneflags = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID
	if config.User {
		// The caller keeps its own number, so the capability that mounts need must be kept over the next exec.
		attributes.Cloneflags |= syscall.CLONE_NEWUSER
		attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
		attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
		attributes.AmbientCaps = []uintptr{capSysAdmin}
	}
	return attributes
}

func waitForEnd(leash int, letGo chan<- struct{}) {
	buffer := make([]byte, 16)
	for {
		n, err := syscall.Read(leash, buffer)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if n <= 0 {
			close(letGo)
			return
		}
	}
}

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		if status, ok := failed.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return 128 + int(status.Signal())
		}
		return failed.ExitCode()
	}
	fmt.Fprintln(os.Stderr, "osmo-room: "+strconv.Quote(err.Error()))
	return exitRoom
}

func closeOnExec(descriptor int) { syscall.CloseOnExec(descriptor) }
