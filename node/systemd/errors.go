package systemd

import "errors"

// What a call can fail with. Callers branch with errors.Is.
var (
	// ErrUnavailable means that systemd could not be asked or did not answer: retry later. Whether the
	// call had an effect is unknown.
	ErrUnavailable = errors.New("systemd is unavailable")
	// ErrExists means that a unit of this name is loaded already, in whatever state: look at List.
	ErrExists = errors.New("unit exists")
	// ErrNotFound means that no unit of this name is loaded.
	ErrNotFound = errors.New("unit is not loaded")
	// ErrRefused means that systemd refused the unit's properties: permanent for this unit.
	ErrRefused = errors.New("systemd refused the unit")
	// ErrInvalid means that a Service or a Record breaks the rules of this package: permanent.
	ErrInvalid = errors.New("invalid service")
	// ErrProtocol means that systemd's answer could not be understood.
	ErrProtocol = errors.New("systemd answered wrongly")
)
