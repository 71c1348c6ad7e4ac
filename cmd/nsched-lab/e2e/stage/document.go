package stage

import (
	"path/filepath"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
)

// Document is an app.json under construction.
type Document map[string]any

// List is a list in a document.
type List = []any

// ActorApp is an app that runs the actor, with checks, under a name of its own.
func (s *Stage) ActorApp(name string, args ...any) Document {
	command := List{"bin/actor", "-listen", "${address}:${port.http}", "-witness", filepath.Join(witnessDir, "socket")}
	return Document{
		"name": name, "path": s.Actor, "command": append(command, args...),
		"resources":    Document{"cpu": "10m", "memory": "64Mi"},
		"ports":        List{Document{"name": "http"}},
		"healthChecks": Document{"http": List{Document{"port": "http", "path": "/health", "interval": "1s", "failAfter": 2}}},
		"restart":      Document{"attempts": 0},
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

// Wide is an app of the actor with so many units, one beside the other.
func (s *Stage) Wide(name string, count int) Document {
	return s.ActorApp(name).With("count", count).With("algorithm", "spread").
		With("dns", List{Document{"name": name + "." + cluster.Zone + ".", "type": "A", "ttl": 1}})
}
