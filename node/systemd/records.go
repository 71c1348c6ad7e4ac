package systemd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nsched/nsched/units"
)

const (
	recordSuffix    = ".json"
	temporaryPrefix = ".new-"
)

// Records keeps the record of each unit in a directory, one file "<unit>.json" with mode 0600: it may
// hold what the app keeps secret, and systemd reads it as root. A record must stay as long as its unit
// is loaded, for a restart in place reads it again.
//
// Methods for different units may be called at the same time.
type Records struct{ dir string }

// NewRecords returns the records in dir, such as /var/lib/nsched/records. The directory is made when
// the first record is written.
func NewRecords(dir string) *Records { return &Records{dir: dir} }

// Path returns where the unit's record is, or would be.
func (r *Records) Path(id units.UnitID) string { return filepath.Join(r.dir, id.String()+recordSuffix) }

// Write puts the unit's record in place and returns its path. It replaces an older one in one step and
// is durable when it returns: whatever dies in between, there is the old record, the new one or none.
func (r *Records) Write(id units.UnitID, record Record) (path string, err error) {
	if err := id.Validate(); err != nil {
		return "", fmt.Errorf("write record: %w", err)
	}
	data, err := record.encode()
	if err != nil {
		return "", fmt.Errorf("write record of %s: %w", id, err)
	}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return "", fmt.Errorf("write record of %s: %w", id, err)
	}
	if err := replace(r.Path(id), data, 0o600); err != nil {
		return "", fmt.Errorf("write record of %s: %w", id, err)
	}
	return r.Path(id), nil
}

// Remove deletes the unit's record. One that is not there is fine.
func (r *Records) Remove(id units.UnitID) error {
	if err := os.Remove(r.Path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove record of %s: %w", id, err)
	}
	return nil
}

// List returns the units that have a record, in order. Files that are no records are passed over.
func (r *Records) List() ([]units.UnitID, error) {
	names, err := entries(r.dir)
	if err != nil {
		return nil, fmt.Errorf("list records: %w", err)
	}
	var list []units.UnitID
	for _, name := range names {
		text, ok := strings.CutSuffix(name, recordSuffix)
		if id, err := units.ParseUnitID(text); ok && err == nil {
			list = append(list, id)
		}
	}
	slices.SortFunc(list, units.UnitID.Compare)
	return list, nil
}

// Sweep removes the records of all units but those to keep, and what a Write left that was killed. keep
// holds every unit that is loaded or about to be started; no Write may be under way.
func (r *Records) Sweep(keep map[units.UnitID]bool) error {
	names, err := entries(r.dir)
	if err != nil {
		return fmt.Errorf("sweep records: %w", err)
	}
	var errs []error
	for _, name := range names {
		text, ok := strings.CutSuffix(name, recordSuffix)
		id, err := units.ParseUnitID(text)
		isRecord := ok && err == nil
		if isRecord && !keep[id] || strings.HasPrefix(name, temporaryPrefix) {
			if err := os.Remove(filepath.Join(r.dir, name)); !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err) // a Remove may have been quicker
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("sweep records: %w", err)
	}
	return nil
}

// entries returns the names in dir in order; none if there is no such directory.
func entries(dir string) ([]string, error) {
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names, err
}
