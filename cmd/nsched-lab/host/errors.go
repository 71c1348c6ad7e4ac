package host

import (
	"errors"
	"fmt"

	"github.com/nsched/nsched/cmd/nsched-lab/host/wire"
)

// Sentinels. The first four cross the connection to the holder.
var (
	// ErrNoHost: the lab has no host of that name.
	ErrNoHost = wire.ErrNoHost
	// ErrExists: the lab has a host of that name, or the machine a lab of that id.
	ErrExists = wire.ErrExists
	// ErrPower: the host is off and should be on, or the other way round.
	ErrPower = wire.ErrPower
	// ErrRequest: the request makes no sense.
	ErrRequest = wire.ErrRequest
	// ErrNoLab: no lab of that id is running.
	ErrNoLab = errors.New("no such lab")
	// ErrNoInit: the program does not call Init first.
	ErrNoInit = errors.New("host.Init was not called at the start of main or TestMain")
	// ErrBoot: a host did not come up.
	ErrBoot = errors.New("it did not come up")
	// ErrMissing: the machine lacks something that a lab needs; the text says what to install.
	ErrMissing = errors.New("the machine lacks parts")
)

// ExitError says that a command ran and did not end with 0.
type ExitError struct {
	Argv   []string
	Code   int    // 128 + Signal when a signal ended it
	Signal int    // 0 when it exited by itself
	Stderr string // the end of what it said, when that was captured
}

func (e *ExitError) Error() string {
	text := fmt.Sprintf("run %q: exit code %d", e.Argv, e.Code)
	if e.Signal != 0 {
		text = fmt.Sprintf("run %q: killed by signal %d", e.Argv, e.Signal)
	}
	if e.Stderr != "" {
		text += ": " + e.Stderr
	}
	return text
}
