// Package scheduler is the leader's shell: it campaigns, keeps a view of the whole cluster, plans and
// commits.
//
//	etcd --view--> world --> placement.State --Plan--> outcome --groups--> committer --fence--> etcd
//	                 ^                                                          |
//	                 +------------------- what was written comes back ----------+
//
// Any number of schedulers run; each keeps its view warm and one leads. Only the leader writes, and each
// of its transactions compares the mod revision of its key, and that no candidate's is older (see package
// registry), so a leader that was paused, cut off or replaced, or that a restored etcd has made a later one, changes
// nothing.
//
// Invariants:
//
//   - A plan is made on state of a single revision, which holds everything this term has written.
//   - After an unknown outcome nothing is written until the leader has put its key again with a known
//     result and its view is as far as that.
//   - A key that is missing or cannot be read changes nothing: see package placement. Attempts and failures of
//     which a hand has deleted the record count on, as long as a scheduler is there that has seen them.
//   - On a registry that went back in time nothing is decided until an operator raised its epoch; see
//     registry.Continuity.
//   - Losses are decided by leases alone (placement.Lost), never by the clocks of two machines, and recorded
//     with their cluster time before anything is decided on them.
//   - A placement is written only while its node has the tenure that it names and offers what it did; an
//     eviction, and what replaces it, only while the lost node is away, or in the later tenure that was seen.
//
// Not promised: an order between apps, or that a plan made a moment ago is still the best.
package scheduler
