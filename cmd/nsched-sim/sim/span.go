package sim

import (
	"fmt"
	"time"
)

// Span is a duration that is written as people write one.
type Span time.Duration

// MarshalText implements encoding.TextMarshaler.
func (s Span) MarshalText() ([]byte, error) { return []byte(time.Duration(s).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("read a duration: %w", err)
	}
	*s = Span(d)
	return nil
}

// D is the duration.
func (s Span) D() time.Duration { return time.Duration(s) }
