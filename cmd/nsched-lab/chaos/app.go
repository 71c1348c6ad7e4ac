package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/units"
)

// Document is an app.json under construction.
type Document map[string]any

type list = []any

// Worker is an app of the worker.
func (s *Stage) Worker(name, path string, args ...string) Document {
	command := append([]string{"bin/worker", "-listen", "${address}:${port.http}", "-witness", filepath.Join(witnessDir, "socket")}, args...)
	return Document{
		"name": name, "path": path, "command": command,
		"resources":    Document{"cpu": "10m", "memory": "32Mi"},
		"ports":        list{Document{"name": "http"}},
		"healthChecks": Document{"http": list{Document{"port": "http", "path": "/health", "interval": "1s"}}},
		"stop":         Document{"timeout": "2s"},
		"restart":      Document{"delay": "1s"},
		"reschedule":   Document{"delay": "1s", "maxDelay": "10s"},
	}
}

// With returns the document with one field set.
func (d Document) With(field string, value any) Document {
	out := Document{}
	for k, v := range d {
		out[k] = v
	}
	out[field] = value
	return out
}

// published is the document with a port that everybody knows and a name that stands for its units.
func (d Document) published(port uint16) Document {
	name := fmt.Sprint(d["name"]) + "." + cluster.Zone + "."
	return d.With("ports", list{Document{"name": "http", "port": port}}).
		With("dns", list{Document{"name": name, "type": "A", "ttl": 1}})
}

// appID is an app of this cluster, all of which are in one namespace.
func appID(name string) units.AppID {
	return units.AppID{Namespace: units.DefaultNamespace, Name: units.AppName(name)}
}

const documents = "/var/lib/chaos"

// write puts a document on the machine of a person.
func (s *Stage) write(ctx context.Context, d Document) (string, error) {
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return "", err
	}
	name := filepath.Join(documents, fmt.Sprint(d["name"])+".json")
	return name, s.Dev.WriteFile(ctx, name, text, 0o644)
}

// Submit has the cluster run an app, as a person would, and waits for it.
func (s *Stage) Submit(ctx context.Context, d Document) error {
	file, err := s.write(ctx, d)
	if err != nil {
		return err
	}
	return s.Types(ctx, "submit", "--timeout=2m", file)
}

// SubmitAll has the cluster run several apps with one command, and waits for them.
func (s *Stage) SubmitAll(ctx context.Context, all []Document) error {
	args := []string{"submit", "--timeout=2m"}
	for _, d := range all {
		file, err := s.write(ctx, d)
		if err != nil {
			return err
		}
		args = append(args, file)
	}
	return s.Types(ctx, args...)
}

// Types runs the CLI on the machine of a person.
func (s *Stage) Types(ctx context.Context, args ...string) error {
	_, err := s.Dev.Exec(ctx, append(append([]string{"env"}, s.Environment()...), append([]string{"nsched"}, args...)...)...)
	if err != nil {
		return fmt.Errorf("nsched %s: %w", strings.Join(args, " "), err)
	}
	return nil
}
