// Package stage is what end-to-end tests play on: a cluster in a lab, with binary caches that misbehave when
// told to, a witness of every start and end, and a service, the actor, that does what a test asks of it.
//
// Tests of what a node does write its assignments into etcd by hand (Cast); those of a whole cluster let a
// scheduler lead and type what people type (Submits, Types). Whatever must become true is awaited with a
// Patience that no working system needs; nothing here asserts how long anything took.
package stage
