// Package tool is `osmo`, for use inside of a task. It asks osmo-ctrl to move data, or waits for other tasks; see
// messages.go.
package tool

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"osmo.dev/exec/internal/protocol"
)

const usage = `usage: osmo version
       osmo data upload SOURCE... URL
       osmo data download URL DIRECTORY
       osmo data list URL
       osmo dataset upload NAME[:TAG] SOURCE...
       osmo dataset download NAME[:VERSION] DIRECTORY
       osmo dataset info NAME[:VERSION]
       osmo barrier [NAME] [--count N] [--timeout DURATION]

A SOURCE keeps its own name; with a slash at its end only what is in it is taken. More about a barrier: osmo barrier --help
`

// Exit statuses.
const (
	statusFailed  = 1
	statusUsage   = 2
	statusTimeout = 3
)

// errLost is of a connection that ended before the last word.
var errLost = errors.New("osmo-ctrl said no last word")

// Tool is one call of `osmo`.
type Tool struct {
	Socket         string
	Version        string
	Stdout, Stderr io.Writer
}

// order is what the arguments ask for.
type order struct {
	operation string
	target    string
	sources   []string // To upload.
	directory string   // To download to.
}

// Run gives the exit status: 0, 1 if it failed, 2 for wrong usage, 3 if a barrier was not open in time.
func (tool *Tool) Run(arguments []string) int {
	switch first := strings.Join(arguments[:min(1, len(arguments))], ""); first {
	case "version", "--version":
		fmt.Fprintln(tool.Stdout, "osmo", tool.Version)
		return 0
	case "help", "--help", "-h":
		fmt.Fprint(tool.Stdout, usage)
		return 0
	case "barrier":
		return tool.runBarrier(arguments[1:])
	}
	order, understood := parse(arguments)
	if !understood {
		fmt.Fprint(tool.Stderr, usage)
		return statusUsage
	}
	if err := tool.ask(order); err != nil {
		fmt.Fprintln(tool.Stderr, "osmo:", err)
		return statusFailed
	}
	return 0
}

func parse(arguments []string) (order, bool) {
	const words = 2
	if len(arguments) <= words {
		return order{}, false
	}
	for _, argument := range arguments {
		if argument == "" || strings.HasPrefix(argument, "-") {
			return order{}, false
		}
	}
	operation, operands := strings.Join(arguments[:words], "_"), arguments[words:]
	count, last := len(operands), len(operands)-1
	isURL := strings.Contains(operands[0], "://")
	switch {
	case operation == dataUpload && count > 1 && isURL:
		// The order of the original's command line.
		return order{operation: operation, target: operands[0], sources: operands[1:]}, true
	case operation == dataUpload && count > 1:
		return order{operation: operation, target: operands[last], sources: operands[:last]}, strings.Contains(operands[last], "://")
	case operation == dataDownload && count == 2 && isURL, operation == datasetDownload && count == 2 && !isURL:
		return order{operation: operation, target: operands[0], directory: operands[1]}, true
	case operation == dataList && count == 1 && isURL, operation == datasetInfo && count == 1 && !isURL:
		return order{operation: operation, target: operands[0]}, true
	case operation == datasetUpload && count > 1 && !isURL:
		return order{operation: operation, target: operands[0], sources: operands[1:]}, true
	}
	return order{}, false
}

// ask has the order done by osmo-ctrl.
func (tool *Tool) ask(order order) error {
	sources, err := findSources(order.sources)
	if err != nil {
		return err
	}
	socket, err := protocol.Dial(tool.Socket)
	if err != nil {
		return fmt.Errorf("osmo-ctrl cannot be reached: %w", err)
	}
	defer socket.Close()
	err = say(socket, request{kindRequest, protocol.Version, order.operation, order.target})
	if err != nil {
		return err
	}
	switch {
	case len(order.sources) > 0:
		return tool.upload(socket, sources)
	case order.directory != "":
		return tool.download(socket, filepath.Clean(order.directory))
	}
	return tool.listen(socket, nil)
}

// listen heeds what osmo-ctrl says until its last word. What is about files goes to handle.
func (tool *Tool) listen(socket *protocol.Socket, handle func(answer) error) error {
	for {
		said, err := readAnswer(socket)
		if err != nil {
			return fmt.Errorf("%w: %w", errLost, err)
		}
		switch {
		case said.Kind == kindText:
			fmt.Fprintln(tool.Stdout, said.Text)
		case said.Kind == kindProgress:
			fmt.Fprintln(tool.Stderr, said.Text)
		case said.Kind == kindResult && said.Status == 0:
			return nil
		case said.Kind == kindResult:
			return errors.New(said.Error)
		case handle == nil:
			return fmt.Errorf("osmo-ctrl said %q, which has no meaning here", said.Kind)
		default:
			if err := handle(said); err != nil {
				return err
			}
		}
	}
}

func say(socket *protocol.Socket, message any) error {
	line, err := protocol.Line(message)
	if err != nil {
		return err
	}
	return socket.Write(line, nil)
}
