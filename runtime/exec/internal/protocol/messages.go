// Package protocol is what the agent and osmo-ctrl say to each other: one JSON object a line, over a Unix socket.
// runtime/ctrl/osmo_ctrl/messages.py has the other side, and runtime/fixtures/messages an example of each message.
package protocol

// Version of the messages. It changes when a reader of the old ones would misread the new ones.
const Version = 1

// Longest line in bytes. A task document has at most 900 KiB.
const Longest = 4 * 1024 * 1024

// Variable of the environment.
type Variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Actions of exit codes.
const (
	Complete   = "COMPLETE"
	Fail       = "FAIL"
	Reschedule = "RESCHEDULE"
)

// ExitAction says what exit codes mean; its ranges are inclusive.
type ExitAction struct {
	Action string   `json:"action"`
	Codes  [][2]int `json:"codes"`
}

// Masks name the secrets of the container: variables, and directories whose files are secrets.
type Masks struct {
	Variables   []string `json:"variables"`
	Directories []string `json:"directories"`
}

// Retry says what RESCHEDULE does: nothing when the attempts are used up.
type Retry struct {
	MayReschedule bool `json:"may_reschedule"`
	OutOfMemory   bool `json:"out_of_memory"`
}

// Usage of the command and its descendants.
type Usage struct {
	PeakMemory    int64   `json:"peak_memory"`
	UserSeconds   float64 `json:"user_seconds"`
	SystemSeconds float64 `json:"system_seconds"`
}

// Log counts the segments so far, what the command has written, and what of it is missing from the segments.
type Log struct {
	Segments int   `json:"segments"`
	Bytes    int64 `json:"bytes"`
	Missing  int64 `json:"missing"`
}

// Cause is why a command has ended.
type Cause string

// The first four are the command's own; the others were imposed on it.
const (
	Exited        Cause = "exited"
	Signaled      Cause = "signaled"
	NotFound      Cause = "not_found"
	NotExecutable Cause = "not_executable"
	TimedOut      Cause = "timed_out"
	Stopped       Cause = "stopped"
	Terminated    Cause = "terminated"
)

// Imposed tells whether the command had no say in its end.
func (cause Cause) Imposed() bool {
	return cause == TimedOut || cause == Stopped || cause == Terminated
}

// Outcome is what an end means for the task.
type Outcome string

// What becomes of a task.
const (
	OutcomeCompleted   Outcome = "completed"
	OutcomeFailed      Outcome = "failed"
	OutcomeRescheduled Outcome = "rescheduled"
	OutcomeTerminated  Outcome = "terminated"
)

// States of the agent.
const (
	Waiting  = "waiting"
	Running  = "running"
	HasEnded = "ended"
)

// Message is one of the structs below. Its tag is the name of its kind, and where that stands.
type Message interface{ tag() (string, *string) }

// Hello is the agent's first word on each connection.
type Hello struct {
	Kind    string `json:"kind"`
	Version int    `json:"version"`
	Key     string `json:"key"`
	State   string `json:"state"`
	Epoch   int    `json:"epoch"`
	Ended   *Ended `json:"ended"`
}

// Ended tells how the command of an epoch ended, and what the agent makes of it.
type Ended struct {
	Kind        string  `json:"kind"`
	Epoch       int     `json:"epoch"`
	Cause       Cause   `json:"cause"`
	Code        int     `json:"code"`
	Outcome     Outcome `json:"outcome"`
	Exit        int     `json:"exit"`
	StartedAt   float64 `json:"started_at"`
	EndedAt     float64 `json:"ended_at"`
	Usage       Usage   `json:"usage"`
	OutOfMemory bool    `json:"out_of_memory"`
	Log         Log     `json:"log"`
}

// Started tells that the command of an epoch runs.
type Started struct {
	Kind  string  `json:"kind"`
	Epoch int     `json:"epoch"`
	At    float64 `json:"at"`
}

// Terminating tells that the container was told to end.
type Terminating struct {
	Kind string `json:"kind"`
}

// ListedFile is one file of a Listing; its path is relative to the one that was asked for.
type ListedFile struct {
	Path     string `json:"path"`
	Size     int64  `json:"size"`
	Modified int64  `json:"modified"`
	Mode     int    `json:"mode"`
}

// Listing answers List.
type Listing struct {
	Kind  string       `json:"kind"`
	ID    int          `json:"id"`
	Files []ListedFile `json:"files"`
	Error string       `json:"error"`
}

// Opened answers Open. The descriptor comes with the first byte of its line, unless there is an error.
type Opened struct {
	Kind  string `json:"kind"`
	ID    int    `json:"id"`
	Error string `json:"error"`
}

// Welcome answers Hello.
type Welcome struct {
	Kind    string `json:"kind"`
	Version int    `json:"version"`
	Key     string `json:"key"`
}

// Start tells to run the command of an epoch.
type Start struct {
	Kind        string       `json:"kind"`
	Epoch       int          `json:"epoch"`
	Command     []string     `json:"command"`
	Args        []string     `json:"args"`
	Environment []Variable   `json:"environment"`
	ExitActions []ExitAction `json:"exit_actions"`
	Retry       Retry        `json:"retry"`
	ExecTimeout *float64     `json:"exec_timeout"`
	Grace       float64      `json:"grace"`
	Output      string       `json:"output"`
	Log         string       `json:"log"`
	Masks       Masks        `json:"masks"`
}

// Stop tells to end the command of an epoch.
type Stop struct {
	Kind  string  `json:"kind"`
	Epoch int     `json:"epoch"`
	Grace float64 `json:"grace"`
}

// List asks for the files below a path that only the user's container sees.
type List struct {
	Kind  string `json:"kind"`
	ID    int    `json:"id"`
	Path  string `json:"path"`
	Regex string `json:"regex"`
}

// Open asks for a file's descriptor.
type Open struct {
	Kind string `json:"kind"`
	ID   int    `json:"id"`
	Path string `json:"path"`
}

// Finish is osmo-ctrl's last word.
type Finish struct {
	Kind    string   `json:"kind"`
	Failure *Failure `json:"failure"`
}

// Failure of osmo-ctrl: its code is OSMO's, and Exit a reserved one. A final one is not tried on exit actions.
type Failure struct {
	Code    int    `json:"code"`
	Exit    int    `json:"exit"`
	Reason  string `json:"reason"`
	IsFinal bool   `json:"is_final"`
}

func (message *Hello) tag() (string, *string)       { return "hello", &message.Kind }
func (message *Ended) tag() (string, *string)       { return "ended", &message.Kind }
func (message *Started) tag() (string, *string)     { return "started", &message.Kind }
func (message *Terminating) tag() (string, *string) { return "terminating", &message.Kind }
func (message *Listing) tag() (string, *string)     { return "listing", &message.Kind }
func (message *Opened) tag() (string, *string)      { return "opened", &message.Kind }
func (message *Welcome) tag() (string, *string)     { return "welcome", &message.Kind }
func (message *Start) tag() (string, *string)       { return "start", &message.Kind }
func (message *Stop) tag() (string, *string)        { return "stop", &message.Kind }
func (message *List) tag() (string, *string)        { return "list", &message.Kind }
func (message *Open) tag() (string, *string)        { return "open", &message.Kind }
func (message *Finish) tag() (string, *string)      { return "finish", &message.Kind }

func fromCtrl() []Message {
	return []Message{&Welcome{}, &Start{}, &Stop{}, &List{}, &Open{}, &Finish{}}
}

func fromAgent() []Message {
	return []Message{&Hello{}, &Started{}, &Ended{}, &Terminating{}, &Listing{}, &Opened{}}
}
