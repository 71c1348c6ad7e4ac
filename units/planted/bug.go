package planted

import "slices"

// Bug names one mistake.
type Bug string

// The mistakes, in the order in which they are told.
const (
	// CreateRevisionFence: a leader's writes compare the create revision of its key, so its own late ones pass.
	CreateRevisionFence Bug = "create-revision-fence"
	// NoProclaim: after an unknown outcome the leader goes on writing without putting its key again.
	NoProclaim Bug = "no-proclaim"
	// SessionDone: the lease's deadline, counted from the answer, stands in for comparing the leader's key.
	SessionDone Bug = "session-done"
	// FenceFromResponse: the guard's fence counts from the answer to a keepalive, not from its sending.
	FenceFromResponse Bug = "fence-from-response"
	// ShimDoesNotAsk: a singleton's process starts without asking the guard.
	ShimDoesNotAsk Bug = "shim-does-not-ask"
	// OldTenureUsed: a singleton is started on an assignment that was made for an earlier tenure.
	OldTenureUsed Bug = "old-tenure-used"
	// RootAfterStart: the closure is pinned after the unit has been started.
	RootAfterStart Bug = "root-after-start"
	// MissingStops: an assignment that is gone is taken for a stop.
	MissingStops Bug = "missing-stops"
	// UndecodableStops: an assignment that cannot be read is taken for a stop.
	UndecodableStops Bug = "undecodable-stops"
	// StopLastWrite: of two words about a unit the one that came last counts, not the furthest.
	StopLastWrite Bug = "stop-last-write"
	// CompactionIgnored: a watch whose history was compacted goes on from now, without reading what it missed.
	CompactionIgnored Bug = "compaction-ignored"
	// HangIgnored: a watch that brings nothing any more is waited for.
	HangIgnored Bug = "hang-ignored"
	// BrakeAbsent: units are replaced however many nodes are lost at once.
	BrakeAbsent Bug = "brake-absent"
	// BrakeExpiredOnly: leases that are about to end do not count as lost.
	BrakeExpiredOnly Bug = "brake-expired-only"
	// NoGrace: a new leader evicts at once from nodes that vanished while nobody led.
	NoGrace Bug = "no-grace"
	// LostAfterForgotten: units are replaced without waiting for their app's lostAfter.
	LostAfterForgotten Bug = "lost-after-forgotten"
	// AttemptsReset: a new leader counts attempts from nothing.
	AttemptsReset Bug = "attempts-reset"
	// BackoffLost: a new leader knows of no earlier failures.
	BackoffLost Bug = "backoff-lost"
	// EvictUnseen: an eviction does not compare alive/<node>.
	EvictUnseen Bug = "evict-unseen"
	// CapacityUnchecked: a plan is committed though it was made without what was committed just before.
	CapacityUnchecked Bug = "capacity-unchecked"
	// OldStatusBelieved: a status of an earlier life of an assignment counts for the present one.
	OldStatusBelieved Bug = "old-status-believed"
	// OrphanPruned: a unit that the registry does not know is stopped by its node.
	OrphanPruned Bug = "orphan-pruned"
	// RestoreTrusted: an etcd that went back in time is believed.
	RestoreTrusted Bug = "restore-trusted"
)

var bugs = []Bug{
	CreateRevisionFence, NoProclaim, SessionDone, FenceFromResponse, ShimDoesNotAsk, OldTenureUsed, RootAfterStart,
	MissingStops, UndecodableStops, StopLastWrite, CompactionIgnored, HangIgnored, BrakeAbsent, BrakeExpiredOnly,
	NoGrace, LostAfterForgotten, AttemptsReset, BackoffLost, EvictUnseen, CapacityUnchecked, OldStatusBelieved,
	OrphanPruned, RestoreTrusted,
}

// Bugs returns every mistake, in order.
func Bugs() []Bug { return slices.Clone(bugs) }
