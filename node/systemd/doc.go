// Package systemd runs units as transient services of the machine's own systemd, over D-Bus.
//
// It is the only importer of go-systemd. Its parts:
//
//   - Service says what a unit needs; Properties turns it into the properties of a transient unit.
//     This part is pure.
//   - Manager is the adapter: Start, Stop, Kill, ResetFailed, List, Watch.
//   - Bounds holds the notes of units that are bound to the node's tenure, and reaches their processes
//     through the kernel's control groups, without systemd.
//   - Records holds the files that carry a unit's argv and environment to the shim, Shims the copies of
//     the shim that units name.
//   - Fake is a systemd in memory with the same methods, for tests and the simulation. One suite of tests
//     runs over it and over a real systemd.
//
// How a unit starts:
//
//	Records.Write -> record (0600) --LoadCredential--> $CREDENTIALS_DIRECTORY/record
//	Shims.Install -> exec/<sha256>/nsched-exec <--ExecStart-- nsched.<unit>.service --execve--> the app
//
// Invariants:
//
//   - No text that a person wrote reaches a property. systemd writes properties of a transient unit into
//     a file and reads that again on daemon-reload; version 252 changes `$` and `;` in arguments then, and
//     a newline becomes a directive that runs as root. argv and environment travel in the record.
//   - A unit's name is used once: Start never replaces a unit that exists.
//   - A unit that ended stays until somebody took note: a failed one until ResetFailed (CollectMode is
//     inactive, never inactive-or-failed), one that ended well and is not restarted until Stop
//     (RemainAfterExit). What is missing from a List has no result at all: a unit that systemd collected
//     answers Result=success, and List never passes that on.
//   - An error of List says nothing about any unit.
//   - A bound unit is noted before systemd hears of it. The note goes with nobody but the caller, who looks
//     for processes that are left: systemd gives up on those that do not die.
//
// Not promised: that every change is signalled. Signals are hints, dropped when there are too many and
// lost over a restart of D-Bus or systemd; the caller lists again every few seconds.
package systemd
