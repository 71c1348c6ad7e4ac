// Package registry is where nsched meets etcd: the key schema, the codec, state of a single revision,
// watches, the election, fenced commits and cluster time.
//
// Everything here stands on KV, a narrow seam with two back ends: Etcd, the real client, and Memory,
// an in-memory twin with the same semantics for tests and the simulation. One conformance suite runs
// over both.
//
// Invariants:
//
//   - One revision. A view is complete at one revision or it is not used.
//   - Silence is not a command. An empty, failed or undecodable read changes nothing.
//   - The fence. Every write of a leader compares the mod revision of the leader's key, and that no
//     candidate's is older; after an unknown outcome a leader writes nothing until it has put its key again with a
//     known result.
//   - At most MaxOps operations a transaction.
//
// Not promised: that a write whose outcome is unknown was not applied, now or later.
package registry
