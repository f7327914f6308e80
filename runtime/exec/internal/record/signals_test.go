package record

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// ignoreFullFiles makes of SIGXFSZ an error of the write, as the agent does.
func ignoreFullFiles(t *testing.T) {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGXFSZ)
	t.Cleanup(func() { signal.Stop(caught) })
}
