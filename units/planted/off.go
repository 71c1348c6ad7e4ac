//go:build !planted

package planted

// Built says whether mistakes can be turned on in this program.
const Built = false

// On reports whether a mistake is turned on: never. Where it is called, the compiler drops the branch.
func On(Bug) bool { return false }
