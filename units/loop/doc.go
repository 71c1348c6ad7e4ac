// Package loop is the seam between a shell and time.
//
// A shell (scheduler, node daemon, guard, DNS syncer) is a state machine with one method:
//
//	Step(ctx, now) (next, err)
//
// Step makes one pass on the caller's goroutine and never blocks: it first applies the events that
// its Mailbox holds, then decides, then hands slow work to its Executor. Slow work is every call that
// leaves the process (etcd, D-Bus, Nix, HTTP, the file system's fsync). Its completion comes back as
// an event, so what a Step sees is a function of its state, its events and now.
//
//	      +--------- events ---------+
//	      v                          |
//	Mailbox -> Step -> Executor.Start(Task) -> Task.Do -> event
//
// Run drives a shell in production: goroutines, the machine's clocks, watches. The simulation drives
// the same Step with its own executor, network and virtual time, and so replays a run bit for bit.
//
// A Task does one thing to the world: one etcd request, one D-Bus call. Whoever needs two starts the
// second when the first has come back; this is what makes every point between them a place where the
// process may die and the simulation may look.
//
// Not promised: an order between tasks that are in flight together, or that an abandoned task had no
// effect. After an error the effect is unknown unless the error says otherwise.
package loop
