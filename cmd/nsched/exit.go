package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// The exit codes.
const (
	exitOK          = 0
	exitFailed      = 1   // an error that has no code of its own
	exitUsage       = 2   // wrong usage, or an invalid app
	exitNotPlaced   = 3   // it cannot be placed
	exitAppFailed   = 4   // it failed, or was reverted
	exitChanged     = 5   // somebody changed it meanwhile
	exitUnreachable = 6   // the cluster does not answer
	exitTimeout     = 7   // --timeout passed
	exitChanges     = 10  // plan --detailed-exitcode: there is something to do
	exitInterrupted = 130 // Ctrl-C
)

// exitError is an error that decides the exit code. Without an error inside, everything has been said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func exit(code int, format string, args ...any) error {
	return &exitError{code, fmt.Errorf(format, args...)}
}

func usage(format string, args ...any) error { return exit(exitUsage, format, args...) }

// lines is an error of several lines, each whole in itself: "app.json: field: what is wrong".
type lines []string

func (l lines) Error() string {
	text := ""
	for i, line := range l {
		if i > 0 {
			text += "\n"
		}
		text += line
	}
	return text
}

// errTimeout is the cause of a context that --timeout ended.
var errTimeout = errors.New("--timeout passed")

// exitCode decides how a run ended. ctx is that of the run.
func exitCode(ctx context.Context, err error) int {
	var own *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &own):
		return own.code
	case errors.Is(context.Cause(ctx), errTimeout):
		return exitTimeout
	case ctx.Err() != nil:
		return exitInterrupted
	case errors.Is(err, registry.ErrUnavailable):
		return exitUnreachable
	case errors.Is(err, units.ErrInvalid), errors.Is(err, registry.ErrKey):
		return exitUsage
	}
	return exitFailed
}

// say prints an error, once.
func (s *session) say(ctx context.Context, err error, code int) {
	var own *exitError
	if errors.As(err, &own) && own.err == nil {
		return
	}
	var many lines
	if errors.As(err, &many) {
		_, _ = fmt.Fprintln(s.errs, many)
		return
	}
	text := err.Error()
	switch {
	case errors.As(err, &own):
	case code == exitTimeout:
		text = "--timeout passed: " + text
	case code == exitInterrupted:
		text = "interrupted"
	case errors.Is(err, os.ErrPermission):
		text += " (are you root?)"
	}
	_, _ = fmt.Fprintln(s.errs, "nsched: "+plainLines(text))
}
