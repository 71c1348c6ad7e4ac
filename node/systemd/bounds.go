package systemd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nsched/nsched/units"
)

// Bounds keeps a note of every unit that is bound to the node's tenure, and reaches the processes of
// such a unit without systemd's help: whoever has to end them must be able to while PID 1 does not answer.
//
// A note is a file "<unit>.json" in Dir, which lies on a tmpfs: with the boot the units go, too. It is
// there before systemd is asked to start the unit, and goes after the unit's last process.
type Bounds struct {
	Dir string
}

// BoundDir is where bound units are noted when nobody says otherwise.
const BoundDir = "/run/nsched/bound"

const noteSuffix = ".json"

// Note remembers a unit as bound, whole or not at all. Noting it again replaces the note.
func (b Bounds) Note(u units.Bound) error {
	if err := u.Unit.Validate(); err != nil {
		return fmt.Errorf("note a bound unit: %w", err)
	}
	data, err := json.Marshal(u)
	if err != nil {
		return fmt.Errorf("note the bound unit %s: %w", u.Unit, err)
	}
	if err := os.MkdirAll(b.Dir, 0o700); err != nil {
		return fmt.Errorf("note the bound unit %s: %w", u.Unit, err)
	}
	if err := replace(b.path(u.Unit), data, 0o600); err != nil {
		return fmt.Errorf("note the bound unit %s: %w", u.Unit, err)
	}
	return nil
}

// Forget removes a unit's note. One that is not there is fine. The caller knows that no process of the
// unit is left and none will be started; see Empty.
func (b Bounds) Forget(id units.UnitID) error {
	if err := os.Remove(b.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget the bound unit %s: %w", id, err)
	}
	return nil
}

// List returns every unit that is noted, in order, also one whose processes are gone. A note that cannot
// be read says that there is a bound unit of its name and nothing more: its tenure is 0, which is
// nobody's, and so is the time that it may take to stop.
func (b Bounds) List() ([]units.Bound, error) {
	names, err := entries(b.Dir)
	if err != nil {
		return nil, fmt.Errorf("list bound units: %w", err)
	}
	var list []units.Bound
	for _, name := range names {
		text, ok := strings.CutSuffix(name, noteSuffix)
		id, err := units.ParseUnitID(text)
		if !ok || err != nil {
			continue // what a Note left that was cut off
		}
		if noted, ok := b.read(id); ok {
			list = append(list, noted)
		}
	}
	slices.SortFunc(list, func(a, b units.Bound) int { return a.Unit.Compare(b.Unit) })
	return list, nil
}

// read is not ok if the note was removed meanwhile.
func (b Bounds) read(id units.UnitID) (noted units.Bound, ok bool) {
	data, err := os.ReadFile(b.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return units.Bound{}, false
	}
	if err != nil || json.Unmarshal(data, &noted) != nil || noted.Unit != id || noted.StopTimeout < 0 {
		return units.Bound{Unit: id}, true
	}
	return noted, true
}

func (b Bounds) path(id units.UnitID) string { return filepath.Join(b.Dir, id.String()+noteSuffix) }
