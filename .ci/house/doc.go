// Package house holds the rules of the house as code: which package may import which, which packages
// are pure, what a Step may do, how files, folders and programs are laid out. Its tests apply every
// rule to this tree, and to trees with planted violations (testdata), which prove that the rule bites.
//
// A rule is a function from a tree to violations. What a rule needs to know about this project stands
// in one table beside it; a new package usually needs one line there:
//
//	arrows.go     who may import whom
//	libraries.go  which folder alone may import a library or an adapter
//	purity.go     the packages without a world outside
//	step.go       what anything reachable from a Step may not do
//	layout.go     folders, doc.go, package names, mains
//	fakes.go      fakes stand beside what they stand in for
//	text.go       file sizes, unfinished marks, skipped tests, developers' paths
//
// Not promised: that a call through an interface or a stored function is followed. Those are the seams
// at which the simulation puts itself, and what lies behind them is not the Step's.
//
// It lives in .ci, imports nothing but the standard library, and the module knows nothing of it.
package house
