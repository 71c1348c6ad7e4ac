package wire

import "errors"

// Sentinels that keep their identity across the connection.
var (
	ErrNoHost  = errors.New("no such host")
	ErrExists  = errors.New("host exists already")
	ErrPower   = errors.New("host is not in the power state for that")
	ErrRequest = errors.New("invalid request")
)

var kinds = map[string]error{
	"no-host": ErrNoHost,
	"exists":  ErrExists,
	"power":   ErrPower,
	"request": ErrRequest,
}

// Failure is the reply that carries err.
func Failure(err error) Reply {
	r := Reply{Error: err.Error()}
	for kind, sentinel := range kinds {
		if errors.Is(err, sentinel) {
			r.Kind = kind
		}
	}
	return r
}

// Err is the error a reply carries, nil when it carries none. errors.Is finds the sentinel.
func (r Reply) Err() error {
	if r.Error == "" {
		return nil
	}
	return &remoteError{text: r.Error, kind: kinds[r.Kind]}
}

type remoteError struct {
	text string
	kind error
}

func (e *remoteError) Error() string { return e.text }
func (e *remoteError) Unwrap() error { return e.kind }
