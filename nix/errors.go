package nix

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nsched/nsched/units"
)

// What went wrong. Every error of this package that is not the context's is one of these by errors.Is.
var (
	// ErrNotFound: every cache was asked, each answered, and none has the path. Permanent.
	ErrNotFound = errors.New("no cache has the path")
	// ErrUnsigned: a path of the closure carries no signature at all. Permanent.
	ErrUnsigned = errors.New("path is not signed")
	// ErrBadSignature: a path is signed, but not by a key that may be used here, or the signature does
	// not verify. Permanent.
	ErrBadSignature = errors.New("path is not signed by a trusted key")
	// ErrNoTrustedKey: no key is left to check with: none was given, or the app's own keys have none in
	// common with those of its namespace. Permanent.
	ErrNoTrustedKey = errors.New("no trusted key")
	// ErrFetch: a cache is down, hangs, answers with an error, or sends something truncated or corrupt.
	// Worth a retry.
	ErrFetch = errors.New("fetch from cache failed")
	// ErrDiskFull: no space or no inodes are left for the store. Worth a retry, once there is room.
	ErrDiskFull = errors.New("disk is full")
	// ErrDamaged: the path is registered, but missing on disk. Permanent until someone repairs the store.
	ErrDamaged = errors.New("store is damaged")
	// ErrAbsent: the path is not in the local store, and fetching was not asked for. Permanent.
	ErrAbsent = errors.New("path is not in the local store")
	// ErrNoExecutable: the closure does not hold the executable that was asked for. Permanent.
	ErrNoExecutable = errors.New("executable is missing")
	// ErrForeignRoot: the root's name is taken by something that nsched did not make. Permanent.
	ErrForeignRoot = errors.New("root belongs to something else")
	// ErrRoot: the directory of roots cannot be read or changed, or someone else changed it. Worth a retry.
	ErrRoot = errors.New("root is not in place")
	// ErrNoNix: nix-store or nix is not installed or cannot be executed. Permanent.
	ErrNoNix = errors.New("nix is not installed")
	// ErrNix: Nix failed in a way that has no name here. Worth a retry.
	ErrNix = errors.New("nix failed")
	// ErrInvalid: what was handed in is malformed: a key, a cache URL, a root name, a narinfo. Permanent.
	ErrInvalid = errors.New("invalid input")
)

// How to behave. Exactly one of the two holds for every error above, by errors.Is.
var (
	// ErrRetry: the same request may succeed later; back off.
	ErrRetry = errors.New("worth a retry")
	// ErrPermanent: the same request fails again until someone changes something.
	ErrPermanent = errors.New("permanent")
)

// Error is a failure with what a person needs to act on it.
type Error struct {
	// Kind is one of the sentinels above.
	Kind error
	// Path is the store path that failed, which may be a dependency of the requested one; "" if none.
	Path units.StorePath
	// Detail says what happened and what to do about it.
	Detail string
	// Err is the cause, if there is one.
	Err error
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Kind.Error())
	if e.Path != "" {
		fmt.Fprintf(&b, ": %s", e.Path)
	}
	if e.Detail != "" {
		fmt.Fprintf(&b, ": %s", e.Detail)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap gives the cause, unless that is an Error too: then the outer one has judged it, and the inner
// one's kind and behaviour no longer hold.
func (e *Error) Unwrap() error {
	var inner *Error
	if errors.As(e.Err, &inner) {
		return nil
	}
	return e.Err
}

// Is matches the kind and the behaviour that follows from it.
func (e *Error) Is(target error) bool {
	switch target {
	case e.Kind:
		return true
	case ErrRetry:
		return retries(e.Kind)
	case ErrPermanent:
		return !retries(e.Kind)
	}
	return false
}

func retries(kind error) bool {
	return kind == ErrFetch || kind == ErrDiskFull || kind == ErrRoot || kind == ErrNix
}

func fail(kind error, path units.StorePath, format string, args ...any) *Error {
	return &Error{Kind: kind, Path: path, Detail: fmt.Sprintf(format, args...)}
}
