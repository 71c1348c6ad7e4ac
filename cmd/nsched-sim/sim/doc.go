// Package sim runs a whole cluster in one process under one seed.
//
// A World is a heap of events in virtual time and one random source. Its hosts have clocks of their
// own, its processes are the real shells, driven through Step, and etcd is the registry's in-memory
// twin behind a network that the world owns. Nothing else is simulated than what the shells meet at
// their seams:
//
//	shell.Step -> executor.Start(task) --latency--> task.Do against the twin --latency--> event -> Step
//
// Because a shell's Step is a function of its state, its events and now, and because the world alone
// decides what happens next, a seed replays bit for bit: the traces of two runs are equal.
//
// Faults are drawn from the seed: a process dies or is paused, a host loses power or its network (both
// ways or one way), a request is lost, its answer is lost, or it is applied after its sender was told
// that no answer came; a watch hangs; a lease is revoked; history is compacted.
//
// After every event the standing invariants are checked against the twin's own content, not against
// what the shells believe. A run in which nothing happened is a failure, not a pass.
//
// Not promised: anything about goroutines, the real client of etcd, the kernel or systemd; the
// conformance suites and the tests on real hosts are for those.
package sim
