// Package guard holds a node's place in the cluster: its lease, its tenure and its fence.
//
// The guard is a process of its own, beside the daemon, because who owns the lease cannot change
// later and because a daemon may be restarted at will while the node's place must not. A tenure is
// the create revision of alive/<node>: one unbroken life of the node in the cluster.
//
//	          +--> refused (another machine's key is pinned) --+
//	          |                                                v
//	idle -> probing -> granting -> claiming -> holding --> releasing -> idle
//	                      ^                       |  lease ended
//	                      +-----------------------+
//
// Freshness. While it holds, the guard renews the lease every KeepaliveEvery and is fresh until
// FenceAfter has passed since the moment it *sent* the latest keepalive that etcd has acknowledged.
// The reply's arrival does not count, and neither does a send that nobody answered: the lease cannot
// have ended before send + TTL, so whoever trusts a fresh guard has at least TTL - FenceAfter left to
// stop. Freshness is an absolute boot time, published after each Step, so a stopped guard loses it
// without doing anything.
//
// Adoption. The lease and tenure are kept in a file on a tmpfs, with the boot id. A guard that
// crashed, or replaced itself by execve, renews the lease it finds there and goes on in the same
// tenure; it is not fresh before the first acknowledged renewal, or before what the replaced process
// already had.
//
// Invariants: alive/<node> is created only by a transaction that finds it absent and the pinned key
// unchanged; a tenure is given up only after the units bound to it are gone.
//
// Not promised: that a tenure is noticed as lost before the lease ended; this is what the fence is for.
package guard
