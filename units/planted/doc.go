// Package planted holds the switches of mistakes that the project knows how to find.
//
// Each Bug is one line of code that could have been wrong, beside the line that is right:
//
//	if planted.On(planted.BrakeAbsent) {
//		frozen = false // breaks: …
//	}
//
// A program built without the tag `planted` has none of it: On is then false at compile time, and what
// depends on it is not in the binary. Built with the tag, Plant turns mistakes on, and the simulation is
// asked whether it notices. A check that never catches anything proves nothing; these prove that it does.
//
// Any package may import this one, pure ones too: it depends on nothing and says a constant.
package planted
