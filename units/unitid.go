package units

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// ParseUnitID reads "<ns>.<app>.<slot>.<gen>.<attempt>". There is one spelling per unit: numbers count
// from 1 and have no leading zeros.
func ParseUnitID(text string) (UnitID, error) {
	fail := func(why string) (UnitID, error) {
		return UnitID{}, fmt.Errorf("parse unit %s: %w: %s", quote(text), ErrUnitID, why)
	}
	parts := strings.Split(text, ".")
	if len(parts) != 5 {
		return fail("write it as <namespace>.<app>.<slot>.<generation>.<attempt>")
	}
	for i, what := range []string{"namespace", "app", "slot"} {
		if problem := labelProblem(parts[i]); problem != "" {
			return fail("its " + what + ": " + problem)
		}
	}
	generation, ok := parseOrdinal(parts[3])
	if !ok {
		return fail("its generation is a number from 1")
	}
	attempt, ok := parseOrdinal(parts[4])
	if !ok {
		return fail("its attempt is a number from 1")
	}
	return UnitID{
		Namespace:  Namespace(parts[0]),
		App:        AppName(parts[1]),
		Slot:       Slot(parts[2]),
		Generation: Generation(generation),
		Attempt:    Attempt(attempt),
	}, nil
}

// ParseGeneration reads a generation: a decimal number from 1 without leading zeros.
func ParseGeneration(text string) (Generation, error) {
	n, ok := parseOrdinal(text)
	if !ok {
		return 0, fmt.Errorf("parse generation %s: %w: it is a number from 1", quote(text), ErrName)
	}
	return Generation(n), nil
}

// parseOrdinal reads a canonical decimal from 1.
func parseOrdinal(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n >= 1 && strconv.FormatInt(n, 10) == text
}

// String returns "<ns>.<app>.<slot>.<gen>.<attempt>".
func (u UnitID) String() string {
	var b strings.Builder
	for _, part := range []string{string(u.Namespace), string(u.App), string(u.Slot)} {
		b.WriteString(part)
		b.WriteByte('.')
	}
	b.WriteString(strconv.FormatInt(int64(u.Generation), 10))
	b.WriteByte('.')
	b.WriteString(strconv.FormatInt(int64(u.Attempt), 10))
	return b.String()
}

// AppID returns the app that the unit belongs to.
func (u UnitID) AppID() AppID { return AppID{Namespace: u.Namespace, Name: u.App} }

// Compare orders units by namespace, app, slot, generation and attempt; slots by CompareSlots.
func (u UnitID) Compare(v UnitID) int {
	return cmp.Or(
		u.AppID().Compare(v.AppID()),
		CompareSlots(u.Slot, v.Slot),
		cmp.Compare(u.Generation, v.Generation),
		cmp.Compare(u.Attempt, v.Attempt),
	)
}

// Validate returns an error that wraps ErrUnitID unless ParseUnitID would return u.
func (u UnitID) Validate() error {
	_, err := ParseUnitID(u.String())
	return err
}

// MarshalText implements encoding.TextMarshaler, also for the keys of a JSON object.
func (u UnitID) MarshalText() ([]byte, error) {
	if err := u.Validate(); err != nil {
		return nil, err
	}
	return []byte(u.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (u *UnitID) UnmarshalText(text []byte) error {
	parsed, err := ParseUnitID(string(text))
	if err != nil {
		return err
	}
	*u = parsed
	return nil
}
