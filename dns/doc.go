// Package dns keeps the DNS as the live endpoints have it. It is a component of the leader: the leader
// is the syncer, so there is no election of its own.
//
//	view --Apply--> facts --diff.Desired--> wish --dns/coredns--> Writes: groups for the leader's committer
//	                                         |
//	                                         +--diff.Make--> Provider.Apply, a zone at a time
//	                                              ^
//	                                              +--------- Provider.List
//
// Records of provider coredns are keys in etcd. They are written by the leader's committer like all it
// writes, so a stale leader changes none.
//
// Records of the other providers are in somebody's zone outside:
//
//	idle --due--> listing --plan--> applying (one batch at a time) --> idle
//	  ^              |                  | the wish has changed, a batch failed
//	  +--- failed ---+------------------+
//
// Every pass reads the whole zone before it changes anything, and reads it again before it changes more
// than it has planned. Package diff says what a plan may do. After an outcome that is unknown the zone
// rests until a request that hangs has ended, and is read again; so does a new leader before it begins,
// since nothing outside compares its term. A change that a provider refuses is set apart by halving the
// batch, reported, and left alone for a while, so that it stops no other.
//
// Step does as package loop says: it never blocks, and each List and Apply is a task.
//
// Not promised: that no request of a former leader lands after a new one has read a zone. Every full pass
// repairs what such a request did.
package dns
