package systemd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/godbus/dbus/v5"
)

// classify wraps an error of a call in one of this package's. What is no answer of systemd's came from
// the way to it (a closed socket, the end of a context): unavailable.
func classify(err error) error {
	var answer dbus.Error
	if p := (*dbus.Error)(nil); errors.As(err, &p) {
		answer = *p
	} else if !errors.As(err, &answer) {
		if errors.Is(err, ErrProtocol) || errors.Is(err, ErrInvalid) {
			return err
		}
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	sentinel := sentinelOf(answer.Name)
	if sentinel == nil {
		return fmt.Errorf("%w: %s: %w", ErrProtocol, answer.Name, err)
	}
	return fmt.Errorf("%w: %w", sentinel, err)
}

// sentinelOf sorts the names of systemd's errors (its bus-common-errors and sd-bus' errno mapping) and
// of the message bus'.
func sentinelOf(name string) error {
	local, isSystemd := strings.CutPrefix(name, "org.freedesktop.systemd1.")
	if isSystemd {
		switch local {
		case "UnitExists":
			return ErrExists
		case "NoSuchUnit", "NoSuchProcess":
			return ErrNotFound
		case "BadUnitSetting", "UnitMasked", "JobTypeNotApplicable", "LoadFailed", "OnlyByDependency", "NoIsolation":
			return ErrRefused
		}
		// Transactions that cannot be made now, such as during shutdown.
		return ErrUnavailable
	}
	switch strings.TrimPrefix(name, "org.freedesktop.DBus.Error.") {
	case "InvalidArgs", "PropertyReadOnly", "UnknownProperty", "NotSupported", "InvalidSignature", "FileNotFound":
		return ErrRefused
	case "UnknownMethod", "UnknownInterface", "UnknownObject", "InconsistentMessage":
		return nil
	}
	return ErrUnavailable
}
