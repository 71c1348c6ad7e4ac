// Package e2e tests nsched end to end: whole clusters of real parts in labs of their own, with
// everything that can go wrong on one machine going wrong on purpose.
//
// Nothing is faked but the faults: hosts are systemd hosts, packages are built, signed, fetched and pinned
// by Nix, the daemons are the installed programs started from the installed unit files. Tests of what a
// node does write its assignments into etcd by hand.
//
// The tests of one node share a lab, each with units, and where it disturbs others with a node, of its own;
// those of a whole cluster share another, where a scheduler leads and people type. They wait for what must become true with a patience that no working system needs, assert nothing
// about how long it took, and fail where a part is missing. What they have in common is package stage.
package e2e
