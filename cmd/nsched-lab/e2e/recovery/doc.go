// Package recovery tests on real systemd hosts that nothing runs twice and nothing is lost: whatever is
// killed, stopped, cut off, restored, filled up, expired or written over.
//
// Each group of tests has a stage of its own, one of which is open at a time: one cluster whose etcd is
// single, to be killed and restored; one with three members; and one whose etcd is locked.
// A witness outside the hosts sees every start and end of a service; all hosts share one clock, so it sees
// overlaps exactly. Times are asserted only where they are the promise itself.
package recovery
