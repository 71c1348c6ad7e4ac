package guard

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

// The times that the promise about singletons is made of. A lease lasts TTL; what is bound to the
// tenure must be dead by then, so FenceAfter plus the longest stop time stays below it.
const (
	DefaultTTL     = 15 * time.Second
	KeepaliveEvery = 2 * time.Second
	FenceAfter     = 6 * time.Second
	retryEvery     = 2 * time.Second
	refusedEvery   = 30 * time.Second
	maxRenewals    = 4 // in flight at once, so that a hung one does not hold up the next
	revokeAgain    = time.Second
)

// Keeper keeps the guard's memory over a crash and an execve, not over a reboot.
type Keeper interface {
	// Load returns what was saved in this boot, or the zero Memory.
	Load() (Memory, error)
	// Save replaces it atomically.
	Save(Memory) error
}

// Memory is what a guard leaves for its successor in the same boot.
type Memory struct {
	BootID string           `json:"bootId"`
	Lease  registry.LeaseID `json:"lease"`
	Tenure int64            `json:"tenure"`
	// Cluster is the one that the tenure was begun in; without an id there was none yet.
	Cluster units.Cluster `json:"cluster,omitzero"`
	// Releasing says that the tenure was being given up. It is never fresh again.
	Releasing bool `json:"releasing,omitempty"`
	// AckedBoot is the boot time at which the latest acknowledged renewal was sent.
	AckedBoot time.Duration `json:"ackedBootNs"`
}

// Options makes a guard. Every field but Machine, Teller, Logger and TTL is required.
type Options struct {
	Node   units.NodeName
	Key    string // public key, as registered
	BootID string
	Keys   registry.Keys
	KV     registry.KV
	Keeper Keeper
	// Machine reaches the units that are bound to the tenure; nil: nothing is ever bound.
	Machine Machine
	// Teller is where the guard leaves its word for a reaper. A tenure is fresh no longer than was told.
	// nil: there is no reaper.
	Teller Teller
	TTL    time.Duration
	Logger zerolog.Logger

	Mail     *loop.Mailbox
	Executor loop.Executor
}
