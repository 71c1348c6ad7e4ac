package units

import "errors"

// What a text fails to be. Every parser of this package wraps one of these, so that callers branch with
// errors.Is and people still read what was wrong and how to write it.
var (
	ErrName      = errors.New("not a name")
	ErrUnitID    = errors.New("not a unit")
	ErrAppID     = errors.New("not an app")
	ErrStorePath = errors.New("not a store path")
	ErrQuantity  = errors.New("not a quantity")
	ErrDuration  = errors.New("not a duration")
	ErrState     = errors.New("not a state")
	ErrDesired   = errors.New("not a desired state")
	ErrVariable  = errors.New("not a variable")
	ErrVersion   = errors.New("not a version")
	ErrInvalid   = errors.New("invalid app")
)
