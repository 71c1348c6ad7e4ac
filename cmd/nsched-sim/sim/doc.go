// Package sim runs a whole cluster in one process under one seed.
//
// A World is a heap of events in virtual time and random sources of the seed's. Its hosts have clocks of
// their own, its processes are the real shells (scheduler, daemon, guard, reaper), driven through Step, and
// etcd is the registry's in-memory twin behind a network that the world owns. Nothing else is simulated than
// what the shells meet at their seams:
//
//	shell.Step -> executor.Start(task) --latency--> task.Do against the twin --latency--> event -> Step
//
// A machine has a systemd (systemd.Fake) whose PID 1 may be too busy, whose calls may fail or hang, and which
// ends what is bound to the guard with the guard; a watchdog for the guard; a shim that asks the guard before
// it becomes the app; a Nix store and a disk that may be slow, full or fail. What a paused process had not
// sent yet it sends when it goes on.
//
// Everything that is done and that goes wrong is data: a Schedule, drawn from the seed. It can be kept in a
// file, replayed (testdata holds those that once found something) and shrunk. Because a shell's Step is a
// function of its state, its events and now, and because the world alone decides what happens next, a
// schedule replays bit for bit: the traces of two runs are equal.
//
// After every event the standing invariants are checked against the twin's own content and the machines'
// processes, not against what the shells believe. A run in which nothing happened is a failure, not a pass,
// and so is one that goes round in circles. A Matrix counts in which states the faults found units, rollouts
// and elections.
//
// Not promised: anything about goroutines, the real client of etcd, the kernel or systemd; the
// conformance suites and the tests on real hosts are for those.
package sim
