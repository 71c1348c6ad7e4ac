// Command nsched is everything a person types and everything that runs on a machine: the verbs that
// submit and look, and the daemons.
//
//	main.go root.go      the command, its global flags, one error on stderr, one exit code
//	exit.go              the exit codes, and which error ends in which
//	config*.go           the daemons' configuration: one table of keys per file
//	connect.go           the registry that the verbs talk to
//	guard.go node.go     the daemons; scheduler.go and dev.go as well
//	submit*.go, …        one file per verb
//
// Guarantees of every verb:
//
//   - Data goes to stdout, everything else to stderr. An error is printed once.
//   - What can be refused before anything is written is refused before anything is written.
//   - When the outcome of a write is unknown, the verb reads again and says what is true, or says that
//     it does not know.
//   - Ctrl-C ends it with 130, --timeout with 7, an unreachable cluster with 6.
//
// Not promised: that what a verb printed still holds when it has been read.
package main
