// Package guard holds a node's place in the cluster: its lease, its tenure and its fence; and it ends what may
// run only while that place is certain.
//
// The guard is a process of its own, beside the daemon, because who owns the lease cannot change
// later and because a daemon may be restarted at will while the node's place must not. A tenure is
// the create revision of alive/<node>: one unbroken life of the node in the cluster. What is bound to it
// (singletons, and units of an app with onPartition: stop) lives and dies with it.
//
//	          +--> refused (another machine's key is pinned)
//	          |       |
//	idle -> probing <-+ -> granting -> claiming -> holding -> releasing -> idle
//	 ^ |                                  |        |    ^
//	 | +-> ended (the machine goes down)  |        v    |
//	 +----------- somebody was faster ----+     not fresh: what is bound ends
//
// Idle leads on, and releasing to the lease's return, only when everything that is bound is gone.
//
// Freshness. While it holds, the guard renews the lease every KeepaliveEvery and is fresh until
// FenceAfter has passed since the moment it *sent* the latest keepalive that etcd has acknowledged.
// The reply's arrival does not count, and neither does a send that nobody answered: the lease cannot
// have ended before send + TTL, so whoever trusts a fresh guard has at least TTL - FenceAfter left to
// stop. Freshness is an absolute boot time, published after each Step, so a stopped guard loses it
// without doing anything.
//
// The end of what is bound. It begins when the tenure ceases to be fresh, when the guard starts without a
// memory, and when a tenure is given up: the lease ended, alive/<node> is gone, fence/<node> asks for the
// tenure, the cluster's id or epoch is not what it was when the tenure began, or the machine goes down.
// Every noted unit is asked to stop, and killed by its control group once its time to stop is over; calls
// that hang hold up no other. A tenure that is fresh again before its lease ended goes on. One that is given
// up never is, and its lease is renewed until all is gone.
//
// Three enforce it, and none needs another: the guard itself; the Reaper, a process that knows nothing but the
// guard's Word and the control groups; and the service manager, which ends what is bound when the guard's
// process ends (BindsTo) and kills a guard whose loop hangs (WatchdogSec). The word is written in place
// before freshness is published: nothing is fresher than the reaper was told.
//
// Adoption. The lease and tenure are kept in a file on a tmpfs, with the boot id. A guard that
// crashed, or replaced itself by execve, renews the lease it finds there and goes on in the same
// tenure; it is not fresh before the first acknowledged renewal, or before what the replaced process
// already had. Files are written in place over space taken before: a full /run changes nothing.
//
// Invariants: alive/<node> is created only by a transaction that finds it absent, the pinned key and the
// cluster's key unchanged, and everything bound gone; a tenure is given back only after the units bound to it
// are gone; one guard runs on a machine (a lock that execve keeps).
//
// Not promised: that a tenure is noticed as lost before the lease ended; this is what the fence is for. That
// anything bound ends while guard and reaper are both stopped and the service manager is too busy, while
// its processes cannot be killed (D state), or while the whole machine is paused.
package guard
