package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
)

// ShimFiles keeps records and shims in the daemon's state directory.
type ShimFiles struct {
	Records *systemd.Records
	Shims   *systemd.Shims
	Shim    string // the shim to copy
}

// Put implements UnitFiles.
func (f ShimFiles) Put(id units.UnitID, r systemd.Record) (record, shim string, err error) {
	if shim, err = f.Shims.Install(f.Shim); err != nil {
		return "", "", err
	}
	record, err = f.Records.Write(id, r)
	return record, shim, err
}

// Remove implements UnitFiles.
func (f ShimFiles) Remove(id units.UnitID) error { return f.Records.Remove(id) }

// Sweep implements UnitFiles.
func (f ShimFiles) Sweep(keep []units.UnitID, shims []string) error {
	current, err := f.Shims.Install(f.Shim)
	if err != nil {
		return err
	}
	kept, paths := map[units.UnitID]bool{}, map[string]bool{current: true}
	for _, id := range keep {
		kept[id] = true
	}
	for _, path := range shims {
		paths[path] = true
	}
	return errors.Join(f.Records.Sweep(kept), f.Shims.Sweep(paths))
}

// RecordDir keeps each unit's Record in a file "<unit>.json".
type RecordDir string

const recordSuffix = ".json"

// Load implements Records. A directory that is not there holds none.
func (dir RecordDir) Load() ([]Record, []error) {
	entries, err := os.ReadDir(string(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, []error{fmt.Errorf("read the units' records: %w", err)}
	}
	var records []Record
	var errs []error
	for _, e := range entries {
		text, ok := strings.CutSuffix(e.Name(), recordSuffix)
		if !ok || strings.HasPrefix(e.Name(), ".") {
			continue // what a write left that was cut off
		}
		r, err := dir.read(text)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		records = append(records, r)
	}
	slices.SortFunc(records, func(a, b Record) int { return a.ID.Compare(b.ID) })
	return records, errs
}

func (dir RecordDir) read(name string) (Record, error) {
	file := filepath.Join(string(dir), name+recordSuffix)
	raw, err := os.ReadFile(file)
	if err != nil {
		return Record{}, fmt.Errorf("read a unit's record: %w", err)
	}
	var r Record
	if err := json.Unmarshal(raw, &r); err != nil {
		return Record{}, fmt.Errorf("decode the record %s: %w", file, err)
	}
	if r.Version != recordVersion || r.ID.String() != name {
		return Record{}, fmt.Errorf("decode the record %s: it is version %d of unit %s", file, r.Version, r.ID)
	}
	return r, nil
}

// Save implements Records.
func (dir RecordDir) Save(r Record) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode the record of %s: %w", r.ID, err)
	}
	return durable(filepath.Join(string(dir), r.ID.String()+recordSuffix), raw)
}

// Remove implements Records.
func (dir RecordDir) Remove(id units.UnitID) error {
	err := os.Remove(filepath.Join(string(dir), id.String()+recordSuffix))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the record of %s: %w", id, err)
	}
	return nil
}

// ContactFile keeps the time of the last contact.
type ContactFile string

// Load implements Contact. A file that is not there is the zero time.
func (f ContactFile) Load() (time.Time, error) {
	raw, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read the time of the last contact: %w", err)
	}
	t, err := time.Parse(time.RFC3339, strings.TrimSpace(string(raw)))
	if err != nil {
		return time.Time{}, fmt.Errorf("read the time of the last contact in %s: %w", f, err)
	}
	return t, nil
}

// Save implements Contact.
func (f ContactFile) Save(t time.Time) error {
	return durable(string(f), []byte(t.UTC().Format(time.RFC3339)+"\n"))
}

// durable replaces a file so that the old content or the new is there whatever dies, and the new one
// once it has returned: written beside, synced, renamed, and the directory synced.
func durable(path string, content []byte) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	next, err := os.CreateTemp(dir, ".next-")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = next.Close()
			_ = os.Remove(next.Name())
		}
	}()
	if _, err = next.Write(content); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err = next.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err = next.Close(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err = os.Rename(next.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { _ = d.Close() }()
	if err = d.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
