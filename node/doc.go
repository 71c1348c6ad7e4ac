// Package node is the daemon of one machine: it registers the machine, watches its own assignments,
// makes what runs agree with them, and reports.
//
//	registry view -> assignments -+
//	disk records  ----------------+-> facts -> converge.Steps -> tasks (Nix, systemd, disk)
//	systemd, checks --------------+                          \-> reports (status and endpoint)
//
// The daemon is level-triggered. Every Step gathers facts anew and carries out what converge says;
// signals and watches only make it look sooner. It may die at any line: what it must know afterwards
// is on disk before it acts, and everything else is asked again.
//
// Invariants:
//
//   - A restart, an upgrade or a kill of the daemon stops nothing: it adopts what it finds.
//   - An assignment is on disk, merged by maximum, before it is acted on.
//   - A unit's report and its endpoint change in one transaction that compares the report's mod
//     revision, so that a late write of this daemon or of an earlier one changes nothing.
//   - At most 5 transactions of reports a second, and about 1 report a second per unit.
//   - One bad key harms only its own unit.
//   - What is bound to a tenure starts on one linearizable read of the cluster, the tenure and the
//     assignment, never on what is remembered: not out of touch, not after a reboot, not in another tenure.
//     It is told as ended only when no process of it is left.
//   - A machine that goes down says so before it is gone; a daemon that merely ends does not.
//   - A registry that went back in time, or is another, is no reason to start, forget or remove anything
//     until an operator raised its epoch; see registry.Continuity.
//
// Not promised: that a status is current. It tells what was true when it was written.
package node
