package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// record is node/systemd's Record. Fields that this version does not know are ignored: the daemon that
// wrote them may be newer.
type record struct {
	V      int      `json:"v"`
	Argv   []string `json:"argv"`
	Env    []string `json:"env"`
	Tenure int64    `json:"tenure"`
	Guard  string   `json:"guard"`
}

const recordVersion = 1

func readRecord(dir string) (r record, err error) {
	if dir == "" {
		return r, errors.New("read record: CREDENTIALS_DIRECTORY is not set; systemd sets it for a unit with LoadCredential")
	}
	data, err := os.ReadFile(filepath.Join(dir, "record"))
	if err != nil {
		return r, fmt.Errorf("read record: %w", err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("decode record: %w", err)
	}
	switch {
	case r.V != recordVersion:
		return r, fmt.Errorf("decode record: version %d is not %d", r.V, recordVersion)
	case len(r.Argv) == 0 || !filepath.IsAbs(r.Argv[0]):
		return r, errors.New("decode record: argv does not begin with an absolute path")
	case r.Tenure != 0 && !filepath.IsAbs(r.Guard):
		return r, errors.New("decode record: a tenure without the absolute path of the guard's socket")
	}
	return r, nil
}
