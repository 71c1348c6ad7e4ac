// Package holder is the one process that a lab lives in. It is PID 1 of a PID namespace and the owner
// of a mount and a network namespace: when it dies, however it dies, the kernel ends every process,
// mount and link of the lab with it.
//
//	holder (PID 1 of the lab)          fs/  tmpfs: roots of the hosts, network namespaces
//	├─ systemd-nspawn n1 ── systemd    lab0  bridge 10.77.0.1/16
//	├─ systemd-nspawn n2 ── systemd    ├─ port1 ─ host0 of n1  10.77.0.11
//	└─ whatever runs in the holder     └─ port2 ─ host0 of n2  10.77.0.12
//
// A program starts it through package host and talks to it over a socket in the lab's directory, in
// the words of package wire.
//
// Invariants:
//
//   - Nothing is mounted before propagation is private, no link is made outside the lab's network.
//   - systemd runs only on an overlay with its own /tmp, /run, machine id and cgroups.
//   - The right to set the clock, to load modules and to touch raw I/O is gone before anything else
//     runs, for the holder and all it starts.
//   - An attached holder ends when its owner ends, whatever ended the owner.
//
// It does not promise isolation from hostile code: hosts share the machine's kernel, clock and memory,
// and a process with root's rights in a host is root.
package holder
