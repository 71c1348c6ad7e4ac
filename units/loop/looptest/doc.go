// Package looptest runs shells one decision at a time.
//
// An Executor holds every task that a Step starts until the test says what becomes of it: performed,
// performed with its reply lost, never performed, or performed after the shell was told that it
// failed. A Bench adds a shell, its mailbox and a clock that moves when told. KV wraps a registry's
// back end so that a task's fate reaches the request that it makes.
//
//	Step -> Executor.Start -> Waiting -> Task.Run(fate) -> event in the mailbox -> Step
//
// Explore calls a test for every path of choices, so that a small model is tried whole: every order, every
// fate, every point at which something late can land.
//
// Invariants: nothing happens by itself, in parallel or by the machine's clock; the same calls in the
// same order give the same run. Tests that need freedom of order draw it from their own seed.
//
// Not promised: anything about tasks that ignore their context; a seam that wants to be lost or late
// passes its requests through Call.
package looptest
