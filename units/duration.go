package units

import (
	"fmt"
	"strings"
	"time"
)

// DurationLimit bounds every duration in an app, so that adding one to an instant cannot overflow.
const DurationLimit = 10 * 365 * 24 * time.Hour

// parseDuration reads a Go duration that is not negative and within DurationLimit.
func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s is %w; write it as 500ms, 10s, 5m or 1h30m", quote(text), ErrDuration)
	case d < 0 || strings.HasPrefix(text, "-"):
		return 0, fmt.Errorf("%s is %w that fits: it is negative", quote(text), ErrDuration)
	case d > DurationLimit:
		return 0, fmt.Errorf("%s is %w that fits: it is more than ten years", quote(text), ErrDuration)
	}
	return d, nil
}

// formatDuration returns the short Go spelling: "5m" rather than "5m0s".
func formatDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
