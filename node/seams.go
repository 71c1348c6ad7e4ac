package node

import (
	"context"
	"time"

	"github.com/nsched/nsched/node/guard"
	"github.com/nsched/nsched/units"
)

// Store is what the daemon needs of Nix. Every method makes one call that may take minutes.
type Store interface {
	// Realise makes the path and its whole closure exist, pinned by the root, and checks every
	// signature after the root is there. It never builds. An error is a *Failure when the world is to
	// blame and any other error when it could not be found out.
	Realise(ctx context.Context, r Realisation) error
	// Roots names the roots that nsched holds.
	Roots(ctx context.Context) ([]string, error)
	// RemoveRoot lets the garbage collector have what the root pinned. Removing what is not there is
	// no error.
	RemoveRoot(ctx context.Context, name string) error
}

// Realisation is a request to a Store.
type Realisation struct {
	Path units.StorePath
	Root string
	// Cache is the app's own, asked before the node's; nil is none.
	Cache *units.Cache
	// Executable is relative to the path, and must be an executable file there.
	Executable string
	// Offline checks what is here and asks no cache.
	Offline bool
	// Progress is told how much has come, in bytes; total is 0 while it is not known. It is called
	// from other goroutines and must not block.
	Progress func(done, total int64)
}

// Failure is a failed call that the caller can tell people about.
type Failure struct {
	Reason units.Reason
	// Permanent says that trying again changes nothing until the app or the machine does.
	Permanent bool
}

// Error implements error.
func (f *Failure) Error() string { return f.Reason.String() }

// Services is what the daemon needs of systemd. A unit is named by its identity throughout.
type Services interface {
	// Start asks for the transient unit. A unit of that name that is loaded already is left alone and
	// is no error. An error is a *Failure when systemd refused the unit.
	Start(ctx context.Context, s Service) error
	// Stop asks for the unit's stop and does not wait for it. Stopping what is not there is no error.
	Stop(ctx context.Context, id units.UnitID) error
	// Reset lets systemd forget a failed unit, and removes what was kept for it.
	Reset(ctx context.Context, id units.UnitID) error
	// List returns every unit of nsched that systemd has loaded. One that is bound to a tenure is not
	// told as ended, or left out, while any of its processes is there.
	List(ctx context.Context) ([]Observation, error)
	// GoingDown reports whether the machine is shutting down.
	GoingDown(ctx context.Context) (bool, error)
	// Tidy removes the files that were kept for units other than these, and the shims that no unit
	// names. No Start may be under way.
	Tidy(ctx context.Context, keep []units.UnitID, shims []string) error
}

// Service is a unit to start: everything is decided, expanded and checked.
type Service struct {
	ID   units.UnitID
	App  units.App
	Root units.StorePath
	Argv []string // argv[0] is an absolute path
	Env  []string // KEY=value
	// Bound binds the unit to a tenure of the node; nil does not.
	Bound *units.Bound
}

// Observation is systemd's word about one unit.
type Observation struct {
	ID    units.UnitID
	Phase Phase
	// What follows is set as far as the phase has it.
	Result     units.Result
	ExitCode   int
	Signal     int
	Reason     units.Reason // why it ended
	PID        int
	Restarts   int
	Invocation string
	Shim       string // the copy of the shim that it names
}

// Prober makes one try of a health check. Nil is a pass.
type Prober interface {
	HTTP(ctx context.Context, p HTTPProbe) error
	TCP(ctx context.Context, address string) error
}

// HTTPProbe is one request.
type HTTPProbe struct {
	Method, URL string
	Headers     map[string]string
	Status      int
}

// Records keeps what a node must remember of its units over a crash and a reboot.
type Records interface {
	// Load returns every record that can be read, and an error for each that cannot.
	Load() ([]Record, []error)
	// Save replaces a record; when it returns, the record survives a loss of power.
	Save(r Record) error
	// Remove forgets a unit. Removing what is not there is no error.
	Remove(id units.UnitID) error
}

// Guard tells the node's place in the cluster.
type Guard interface {
	State(ctx context.Context) (guard.State, error)
}

// Ports tells what on this machine listens already.
type Ports interface {
	// Busy returns the first of the ports that something listens on, or 0.
	Busy(ctx context.Context, ports []ListenPort) (uint16, error)
}

// ListenPort is a port that a unit is going to listen on.
type ListenPort struct {
	Protocol units.Protocol
	Number   uint16
}

// Machine tells what this machine is, for its registration.
type Machine interface {
	Describe(ctx context.Context) (units.Node, error)
}

// Contact is when the registry was last read, kept over a reboot: wall time, since boot time starts
// anew.
type Contact interface {
	Load() (time.Time, error)
	Save(time.Time) error
}
