package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// forever is a confirmation that does not run out.
var forever = time.Time{}

// execute replaces this process and returns only if it could not. It does nothing once confirmed is past:
// the process may have been stopped for a long time between the guard's answer and here.
func execute(r record, env []string, confirmed time.Time) error {
	if confirmed != forever && !time.Now().Before(confirmed) {
		return failure{exitTenure, fmt.Errorf("confirm tenure %d: the guard's word ran out before it could be used", r.Tenure)}
	}
	path := r.Argv[0]
	err := syscall.Exec(path, r.Argv, env)
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENOTDIR) {
		if _, statErr := os.Stat(path); statErr != nil {
			return failure{exitMissing, fmt.Errorf("execute %q: %w", path, err)}
		}
		return failure{exitNotExecutable, fmt.Errorf("execute %q: its interpreter is missing: %w", path, err)}
	}
	return failure{exitNotExecutable, fmt.Errorf("execute %q: %w", path, err)}
}
