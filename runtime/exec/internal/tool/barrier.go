package tool

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"osmo.dev/exec/internal/protocol"
)

const barrierUsage = `usage: osmo barrier [NAME] [--count N] [--timeout DURATION]

Waits until N calls of this NAME wait in the tasks of the group; then all of them go on. By itself NAME is "barrier",
and N the number of tasks. Processes of one task count each. A barrier may be used again and again.

DURATION is a number of seconds, or such as 90s, 10m, 1h30m. When it is over the exit status is 3.

    python prepare.py && osmo barrier prepared && python train.py
    osmo barrier epoch-1 --count 16 --timeout 10m
`

const (
	defaultName     = "barrier"
	longestName     = 100 // Characters.
	mostCalls       = 100_000
	longestPatience = 5 * time.Minute // The agent's too, which then ends the command.
)

// errTimeout ends a call that has an exit status of its own.
var errTimeout = errors.New("timeout")

// errOpen is what ends a conversation well, even if there is no last word.
var errOpen = errors.New("open")

// barrier is what the arguments ask for. A count of 0 is osmo-ctrl's to fill in, a timeout of 0 none.
type barrier struct {
	name    string
	count   int
	timeout time.Duration
}

// runBarrier gives the exit status: 0, 1 if it failed, 2 for wrong usage, 3 after the timeout.
func (tool *Tool) runBarrier(arguments []string) int {
	wanted, err := parseBarrier(arguments)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(tool.Stdout, barrierUsage)
		return 0
	case err != nil:
		fmt.Fprintf(tool.Stderr, "osmo: %v\n%s", err, barrierUsage)
		return statusUsage
	}
	err = tool.waitAt(wanted, longestPatience)
	switch {
	case errors.Is(err, errTimeout):
		fmt.Fprintf(tool.Stderr, "osmo: barrier %q was not open within %v\n", wanted.name, wanted.timeout)
		return statusTimeout
	case err != nil:
		fmt.Fprintln(tool.Stderr, "osmo:", err)
		return statusFailed
	}
	return 0
}

func parseBarrier(arguments []string) (barrier, error) {
	wanted := barrier{name: defaultName}
	flags := flag.NewFlagSet("barrier", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Func("count", "", func(text string) (err error) {
		wanted.count, err = parseCount(text)
		return err
	})
	flags.Func("timeout", "", func(text string) (err error) {
		wanted.timeout, err = parseDuration(text)
		return err
	})
	var names []string
	for rest := arguments; ; rest = flags.Args()[1:] {
		if err := flags.Parse(rest); err != nil {
			return wanted, err
		}
		if flags.NArg() == 0 {
			break
		}
		names = append(names, flags.Arg(0))
	}
	switch {
	case len(names) > 1:
		return wanted, fmt.Errorf("there is one name of a barrier, not %d: %s", len(names), strings.Join(names, " "))
	case len(names) == 1:
		wanted.name = names[0]
	}
	return wanted, checkName(wanted.name)
}

func checkName(name string) error {
	if name == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > longestName || strings.ContainsFunc(name, unicode.IsControl) {
		return fmt.Errorf("the name of a barrier has 1 to %d characters, and no control characters", longestName)
	}
	return nil
}

func parseCount(text string) (int, error) {
	count, err := strconv.Atoi(text)
	if err != nil || count < 1 || count > mostCalls {
		return 0, fmt.Errorf("a whole number from 1 to %d is expected", mostCalls)
	}
	return count, nil
}

func parseDuration(text string) (time.Duration, error) {
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		text += "s"
	}
	duration, err := time.ParseDuration(text)
	if err != nil || duration <= 0 {
		return 0, errors.New("a duration above zero is expected, such as 90s, 10m or 1h30m")
	}
	return duration, nil
}

// waitAt returns nil when the barrier is open. By its id osmo-ctrl, if that is restarted meanwhile, knows the call
// again; so nobody sees more of a restart than that it takes a little longer.
func (tool *Tool) waitAt(wanted barrier, patience time.Duration) error {
	var deadline time.Time
	if wanted.timeout > 0 {
		deadline = time.Now().Add(wanted.timeout)
	}
	id := fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64())
	first := barrierCall{kindBarrier, protocol.Version, id, wanted.name, nil}
	if wanted.count > 0 {
		first.Count = &wanted.count
	}
	const shortest, longest, silence = 20 * time.Millisecond, 500 * time.Millisecond, 5 * time.Second
	pause, since, isTold := shortest, time.Now(), false
	for {
		wasThere, err := tool.call(first, deadline)
		if wasThere {
			pause, since, isTold = shortest, time.Now(), false
		}
		away := time.Since(since)
		switch {
		case err == nil:
			return nil
		case !deadline.IsZero() && time.Until(deadline) <= 0:
			return errTimeout
		case !isAway(err) || away >= patience:
			return err
		case away >= silence && !isTold:
			fmt.Fprintln(tool.Stderr, "osmo:", err, "(trying again)")
			isTold = true
		}
		if !deadline.IsZero() {
			pause = min(pause, time.Until(deadline))
		}
		time.Sleep(pause)
		pause = min(2*pause, longest)
	}
}

// isAway tells whether osmo-ctrl may be on its way back.
func isAway(err error) bool {
	for _, kind := range []error{errLost, syscall.ENOENT, syscall.ECONNREFUSED, syscall.EAGAIN} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// call waits on one connection, and tells whether there was one.
func (tool *Tool) call(first barrierCall, deadline time.Time) (bool, error) {
	socket, err := protocol.Dial(tool.Socket)
	if err != nil {
		return false, fmt.Errorf("osmo-ctrl cannot be reached: %w", err)
	}
	defer socket.Close()
	if err := socket.File().SetDeadline(deadline); err != nil {
		return true, err
	}
	// Whether it was sent does not matter: whoever is turned away before has an answer to read.
	_ = say(socket, first)
	err = tool.listen(socket, func(said answer) error {
		if said.Kind != kindOpen {
			return fmt.Errorf("osmo-ctrl said %q, which has no meaning here", said.Kind)
		}
		return errOpen
	})
	if errors.Is(err, errOpen) {
		return true, nil
	}
	return true, err
}
