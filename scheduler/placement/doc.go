// Package placement decides what runs where. It is pure: a snapshot of the cluster and a policy in, a
// plan out. The scheduler's shell makes the snapshot out of etcd and writes the plan into it; nothing
// here knows how.
//
//	reconcile   what each app has against what it should have   reconcile.go sorted.go slot.go
//	feasible    which nodes could take a unit, and which can     class.go constraint.go feasible.go
//	rank        which of those is best                           rank.go room.go
//	plan        missing units first, then updates, one by one     planner.go fill.go update.go
//	explain     why what was not placed was not                   explain.go sentence.go
//	bound       when a unit cannot run any more                    bound.go epoch.go
//
// Words:
//
//	Spec      what placement reads of one generation, compiled once
//	Snapshot  all that a plan is made of; State is the same in the form that planning wants, kept up to
//	          date by small changes
//	Outcome   a plan: Actions, what is Unplaced and why, what is Held as it is
//	Standing  what is believed of a node; Lost decides it by leases alone
//	class     nodes that differ in nothing but their name
//	fill      a slot without a unit; update: a slot whose unit is of another generation
//	moving    a slot on its way to the target; an app has at most update.maxParallel when it begins more
//	ready     a unit that is healthy, or runs and has no checks
//	bound     a unit that ends with its node's tenure: a singleton's, or one with onPartition: stop
//	passed    a bound unit whose node has a later tenure: it is gone
//
// A slot goes through this, and each arrow is one plan, for between two of them a node has to act:
//
//	empty -> placed -> ready                                  a new slot
//	ready -> new one placed beside it -> new one ready, old one told to stop -> deleted
//	ready -> told to stop -> ended, deleted, new one placed   an update for which there is no room
//	ended by itself -> deleted, waits -> placed               back-off; the slot's record remembers
//	on a lost node -> evicted and placed elsewhere            one transaction; after lostAfter
//	on a lost node -> placed elsewhere beside it -> its node is back -> the one that is not well stops
//
// Laws, each a test over random clusters:
//
//   - The order of the input changes nothing, and a State kept up to date plans as one made anew.
//   - Planning an applied plan does nothing.
//   - No node is given more CPU, memory, disk or ports than it has, also during updates. What was given
//     by others may be too much; then nothing is added.
//   - What could be placed is placed, but for room that is kept for a unit whose predecessor still stops.
//     What is not placed has a reason for each registered node, and the reasons are true of the cluster
//     as the plan leaves it.
//   - Another node never stops a unit that is of its app's target.
//   - A unit goes only to a node that admits its namespace.
//   - A unit of a singleton is placed only when no other unit of the app, in whichever slot and of whichever
//     generation, can still run; bound.go says when that is. On machines that keep the rules of guards no two
//     ever run at a time.
//   - A unit on a lost node is replaced no earlier than its app's lostAfter says, counted from the recorded
//     loss, and bound ones not before they are gone.
//   - What is decided of units out of reach names the leases that it relies on (Holding).
//   - No attempt of a slot is given out twice, as long as records, assignments and statuses are in the
//     snapshot.
//   - What cannot be read changes nothing: an app whose intent or target is unreadable is left as it is
//     (told to stop, it stops), an assignment that is unreadable is kept and holds its slot, a node that is
//     unreadable or unknown keeps its units.
//
// Not promised: the best of all plans. Units are placed one after the other, by priority, and nothing that
// runs is moved to make room. After a restore nobody knows of units that were forgotten and are not bound
// until their nodes have said so: such a unit, of a time when its app was no singleton, may run beside one.
package placement
