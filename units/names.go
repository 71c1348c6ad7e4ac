package units

import (
	"fmt"
	"strings"
)

// labelLimit is the longest DNS label, in bytes (RFC 1035, section 2.3.4).
const labelLimit = 63

// DefaultNamespace is where an app lives that names none.
const DefaultNamespace Namespace = "default"

// ParseNamespace reads a namespace.
func ParseNamespace(text string) (Namespace, error) { return parseLabel[Namespace]("namespace", text) }

// ParseAppName reads the name of an app.
func ParseAppName(text string) (AppName, error) { return parseLabel[AppName]("app name", text) }

// ParseNodeName reads the name of a node.
func ParseNodeName(text string) (NodeName, error) { return parseLabel[NodeName]("node name", text) }

// ParseSlot reads a slot.
func ParseSlot(text string) (Slot, error) { return parseLabel[Slot]("slot", text) }

// ParseTrait reads a trait.
func ParseTrait(text string) (Trait, error) { return parseLabel[Trait]("trait", text) }

func parseLabel[T ~string](what, text string) (T, error) {
	if problem := labelProblem(text); problem != "" {
		return "", fmt.Errorf("parse %s %s: %w: %s", what, quote(text), ErrName, problem)
	}
	return T(text), nil
}

// labelProblem says why text is no DNS label as RFC 1123 has it, in lower case; "" if it is one.
func labelProblem(text string) string {
	switch {
	case text == "":
		return "it is empty"
	case len(text) > labelLimit:
		return "it is longer than 63 characters"
	case strings.ToLower(text) != text:
		return "write it in lower case"
	}
	for i := range len(text) {
		if c := text[i]; !isLower(c) && !isDigit(c) && c != '-' {
			return "use a-z, 0-9 and - only"
		}
	}
	if text[0] == '-' || text[len(text)-1] == '-' {
		return "it may not begin or end with -"
	}
	return ""
}

func isLower(c byte) bool  { return 'a' <= c && c <= 'z' }
func isUpper(c byte) bool  { return 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return isLower(c) || isUpper(c) }
