package units

import "strings"

// Problem is one thing wrong with a document.
type Problem struct {
	Path    string `json:"path,omitempty"` // of the field, such as ports[0].name; empty for the document as a whole
	Message string `json:"message"`        // what is wrong and what to do, on one line
}

// String returns "path: message".
func (p Problem) String() string {
	if p.Path == "" {
		return p.Message
	}
	return p.Path + ": " + p.Message
}

// Problems is everything wrong with a document, as an error that wraps ErrInvalid.
type Problems []Problem

// Error returns one line per problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// Unwrap makes errors.Is(err, ErrInvalid) hold.
func (p Problems) Unwrap() error { return ErrInvalid }

// Err returns p as an error, nil when there is no problem.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}
