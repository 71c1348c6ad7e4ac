package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const seenVersion = 1

// SeenFile keeps a Seen in a file of JSON.
type SeenFile string

var _ SeenStore = SeenFile("")

type seenDocument struct {
	Version int `json:"v"`
	Seen
}

// Load implements SeenStore.
func (f SeenFile) Load() (Seen, error) {
	raw, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return Seen{}, nil
	}
	if err != nil {
		return Seen{}, fmt.Errorf("read what was seen of the cluster: %w", err)
	}
	var d seenDocument
	if err := json.Unmarshal(raw, &d); err != nil {
		return Seen{}, fmt.Errorf("decode %s: %w: %w; remove it if the cluster is the right one", f, ErrUndecodable, err)
	}
	if d.Version != seenVersion {
		return Seen{}, fmt.Errorf("decode %s: %w: it is version %d", f, ErrUndecodable, d.Version)
	}
	return d.Seen, nil
}

// Save implements SeenStore: written beside, synced, renamed, and the directory synced.
func (f SeenFile) Save(s Seen) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("save what was seen of the cluster: %w", err)
		}
	}()
	raw, err := json.Marshal(seenDocument{Version: seenVersion, Seen: s})
	if err != nil {
		return err
	}
	dir := filepath.Dir(string(f))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	next, err := os.CreateTemp(dir, ".next-")
	if err != nil {
		return err
	}
	_, err = next.Write(append(raw, '\n'))
	err = errors.Join(err, next.Sync(), next.Close())
	if err == nil {
		err = os.Rename(next.Name(), string(f))
	}
	if err != nil {
		return errors.Join(err, os.Remove(next.Name()))
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
