package systemd

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Record is what the shim turns into a process: the one way of argv and environment from an app to its
// unit. Values are interpolated already; every byte arrives as it is here.
type Record struct {
	V int `json:"v"` // RecordVersion
	// Argv begins with the absolute path of the executable.
	Argv []string `json:"argv"`
	// Env is the whole environment, "NAME=value" each, beside what systemd itself provides: directories,
	// credentials, sockets, watchdog, invocation and journal.
	Env []string `json:"env"`
	// Tenure, if not 0, makes the shim ask at Guard, a unix socket, whether this tenure is the guard's own
	// and fresh, and give up otherwise.
	Tenure int64  `json:"tenure"`
	Guard  string `json:"guard,omitempty"`
}

// RecordVersion is the version of Record that this package writes and the shim reads.
const RecordVersion = 1

// RecordLimit is the most that systemd takes as the credentials of one unit, in bytes.
const RecordLimit = 1 << 20

// encode returns the record's bytes. An error wraps ErrInvalid.
func (r Record) encode() ([]byte, error) {
	r.V = RecordVersion
	fail := func(why string) ([]byte, error) { return nil, fmt.Errorf("encode record: %w: %s", ErrInvalid, why) }
	if len(r.Argv) == 0 || !strings.HasPrefix(r.Argv[0], "/") {
		return fail("argv does not begin with an absolute path")
	}
	for _, text := range slices.Concat(r.Argv, r.Env) {
		// JSON would replace bytes that are not UTF-8; the kernel ends a string at NUL.
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return fail("a string is not UTF-8 or holds a NUL")
		}
	}
	for _, text := range r.Env {
		if i := strings.IndexByte(text, '='); i < 1 {
			return fail("a variable has no name")
		}
	}
	if r.Tenure != 0 && !strings.HasPrefix(r.Guard, "/") {
		return fail("a tenure needs the absolute path of the guard's socket")
	}
	data, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	if len(data) > RecordLimit {
		return fail(fmt.Sprintf("it has %d bytes, and systemd hands over no more than %d", len(data), RecordLimit))
	}
	return data, nil
}
