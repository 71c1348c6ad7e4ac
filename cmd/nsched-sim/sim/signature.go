package sim

import (
	"errors"
	"regexp"
	"strings"
)

// numbered are the words of a failure that differ from run to run: those with a digit in them, and what is
// quoted.
var numbered = regexp.MustCompile(`"[^"]*"|[^\s,;:()]*[0-9][^\s,;:()]*`)

// Signature is what is the same about a failure whoever it happened to and whenever: the promise that was
// broken, or its words without the names and numbers.
func Signature(err error) string {
	if err == nil {
		return ""
	}
	if b := (*Broken)(nil); errors.As(err, &b) && b.Promise != Convergence {
		return string(b.Promise)
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return strings.Join(strings.Fields(numbered.ReplaceAllString(text, "#")), " ")
}
