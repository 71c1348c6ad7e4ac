package main

import (
	"errors"
	"fmt"
	"os"
)

// The exit codes of doc.go.
const (
	exitTenure        = 75
	exitRecord        = 78
	exitNotExecutable = 126
	exitMissing       = 127
)

// failure is a reason not to become the app.
type failure struct {
	code int
	err  error
}

func (f failure) Error() string { return f.err.Error() }
func (f failure) Unwrap() error { return f.err }

func main() {
	if len(os.Args) == 2 && os.Args[1] == probeOOM {
		os.Exit(probe())
	}
	err := become()
	fmt.Fprintf(os.Stderr, "nsched-exec: %v\n", err)
	if f := (failure{}); errors.As(err, &f) {
		os.Exit(f.code)
	}
	os.Exit(1)
}

// become executes the app and returns only if it could not.
func become() error {
	r, err := readRecord(os.Getenv("CREDENTIALS_DIRECTORY"))
	if err != nil {
		return failure{exitRecord, err}
	}
	confirmed := forever
	if r.Tenure != 0 {
		if confirmed, err = confirm(r.Guard, r.Tenure); err != nil {
			return failure{exitTenure, fmt.Errorf("confirm tenure %d: %w", r.Tenure, err)}
		}
	}
	return execute(r, environment(r.Env, os.Environ()), confirmed)
}
