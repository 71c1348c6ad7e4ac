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

// document is an app.json under construction.
type document map[string]any

type list = []any

// worker is an app of the worker.
func (s *Stage) worker(name, path string, args ...string) document {
	command := append([]string{"bin/worker", "-listen", "${address}:${port.http}", "-witness", filepath.Join(witnessDir, "socket")}, args...)
	return document{
		"name": name, "path": path, "command": command,
		"resources":    document{"cpu": "10m", "memory": "32Mi"},
		"ports":        list{document{"name": "http"}},
		"healthChecks": document{"http": list{document{"port": "http", "path": "/health", "interval": "1s"}}},
		"stop":         document{"timeout": "2s"},
		"restart":      document{"delay": "1s"},
		"reschedule":   document{"delay": "1s", "maxDelay": "10s"},
	}
}

// with returns the document with one field set.
func (d document) with(field string, value any) document {
	out := document{}
	for k, v := range d {
		out[k] = v
	}
	out[field] = value
	return out
}

// published is the document with a port that everybody knows and a name that stands for its units.
func (d document) published(port uint16) document {
	name := fmt.Sprint(d["name"]) + "." + cluster.Zone + "."
	return d.with("ports", list{document{"name": "http", "port": port}}).
		with("dns", list{document{"name": name, "type": "A", "ttl": 1}})
}

// appID is an app of this cluster, all of which are in one namespace.
func appID(name string) units.AppID {
	return units.AppID{Namespace: units.DefaultNamespace, Name: units.AppName(name)}
}

const documents = "/var/lib/chaos"

// write puts a document on the machine of a person.
func (s *Stage) write(ctx context.Context, d document) (string, error) {
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return "", err
	}
	name := filepath.Join(documents, fmt.Sprint(d["name"])+".json")
	return name, s.Dev.WriteFile(ctx, name, text, 0o644)
}

// Submit has the cluster run an app, as a person would, and waits for it.
func (s *Stage) Submit(ctx context.Context, d document) error {
	file, err := s.write(ctx, d)
	if err != nil {
		return err
	}
	return s.types(ctx, "submit", "--timeout=2m", file)
}

// types runs the CLI on the machine of a person.
func (s *Stage) types(ctx context.Context, args ...string) error {
	_, err := s.Dev.Exec(ctx, append(append([]string{"env"}, s.Environment()...), append([]string{"nsched"}, args...)...)...)
	if err != nil {
		return fmt.Errorf("nsched %s: %w", strings.Join(args, " "), err)
	}
	return nil
}
