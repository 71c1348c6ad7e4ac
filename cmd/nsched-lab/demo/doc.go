// Package demo shows nsched to a person: a whole cluster comes up in a lab, takes an app, loses a machine, a
// scheduler and a node daemon, and goes on. It prints what it does, the commands that anybody could type
// and what they said, and at the end how long everything took.
//
// Nothing is faked and nothing is hidden: each step fails the demo if what it says does not become true.
package demo
