package units

import (
	"cmp"
	"fmt"
	"strings"
)

// ParseAppID reads "name" or "ns/name"; a bare name is in the namespace given.
func ParseAppID(text string, namespace Namespace) (AppID, error) {
	name := text
	if ns, rest, found := strings.Cut(text, "/"); found {
		parsed, err := ParseNamespace(ns)
		if err != nil {
			return AppID{}, fmt.Errorf("parse app %s: %w: %w", quote(text), ErrAppID, err)
		}
		namespace, name = parsed, rest
	}
	parsed, err := ParseAppName(name)
	if err != nil {
		return AppID{}, fmt.Errorf("parse app %s: %w: %w", quote(text), ErrAppID, err)
	}
	return AppID{Namespace: namespace, Name: parsed}, nil
}

// String returns "ns/name".
func (a AppID) String() string { return string(a.Namespace) + "/" + string(a.Name) }

// Compare orders apps by namespace, then by name.
func (a AppID) Compare(b AppID) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// Validate returns an error that wraps ErrAppID unless both parts are labels.
func (a AppID) Validate() error {
	_, err := ParseAppID(a.String(), "")
	return err
}

// MarshalText implements encoding.TextMarshaler: "ns/name", also as the key of a JSON object.
func (a AppID) MarshalText() ([]byte, error) {
	if err := a.Validate(); err != nil {
		return nil, err
	}
	return []byte(a.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler; the namespace must be there.
func (a *AppID) UnmarshalText(text []byte) error {
	if !strings.Contains(string(text), "/") {
		return fmt.Errorf("parse app %s: %w: write it as namespace/name", quote(string(text)), ErrAppID)
	}
	parsed, err := ParseAppID(string(text), "")
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}
