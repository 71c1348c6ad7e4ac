package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/host"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// document is an app.json under construction.
type document map[string]any

// list is a list in a document.
type list = []any

// actorApp is an app that runs the actor, with checks, under a name of its own.
func (s *stage) actorApp(name string, args ...any) document {
	command := list{"bin/actor", "-listen", "${address}:${port.http}", "-witness", host.Address.String() + ":" + witnessPort}
	return document{
		"name": name, "path": s.actor, "command": append(command, args...),
		"resources":    document{"cpu": "10m", "memory": "64Mi"},
		"ports":        list{document{"name": "http"}},
		"healthChecks": document{"http": list{document{"port": "http", "path": "/health", "interval": "1s", "failAfter": 2}}},
		"restart":      document{"attempts": 0},
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

// role is a unit on a node: what a test assigned by hand.
type role struct {
	s    *stage
	t    *testing.T
	id   units.UnitID
	node *cluster.Node
	port uint16
}

// cast stores a document as generation 1 of its app and assigns slot 0 to a node. The test's end stops
// it.
func (s *stage) cast(t *testing.T, n *cluster.Node, app document) *role {
	t.Helper()
	text, err := json.Marshal(app)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := units.ParseApp(text)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.port++
	port := s.port
	s.mu.Unlock()
	r := &role{s: s, t: t, node: n, port: port, id: units.UnitID{
		Namespace: parsed.Namespace, App: parsed.Name, Slot: "0", Generation: 1, Attempt: 1,
	}}
	s.put(t, s.Keys.Generation(r.id.AppID(), 1), units.Submission{Document: string(text), Submitter: t.Name()})
	r.assign(units.DesiredRun)
	t.Cleanup(func() {
		if !t.Failed() {
			r.assign(units.DesiredStop)
		}
	})
	return r
}

// assign writes the assignment.
func (r *role) assign(d units.Desired) {
	r.t.Helper()
	alive := r.s.read(r.t, r.s.Keys.Alive(r.node.Node))
	a := units.Assignment{Desired: d, Ports: map[string]uint16{"http": r.port}}
	if alive != nil {
		a.Tenure = alive.CreateRevision
	}
	r.s.put(r.t, r.key(), a)
}

func (r *role) key() string { return r.s.Keys.Unit(r.node.Node, r.id) }

// url is an address of the service.
func (r *role) url(path string) string {
	return fmt.Sprintf("http://%s:%d%s", r.node.Address(), r.port, path)
}

// status reads the node's word about the unit; it is zero where there is none.
func (r *role) status() units.Status {
	r.t.Helper()
	kv := r.s.read(r.t, r.s.Keys.Status(r.node.Node, r.id))
	if kv == nil {
		return units.Status{}
	}
	st, _, err := registry.Decode[units.Status](kv.Key, kv.Value)
	if err != nil {
		r.t.Fatal(err)
	}
	return st
}

// reaches waits for a state and returns the status that says it. A unit that ends otherwise will not get
// there, so the wait ends too.
func (r *role) reaches(want units.State) units.Status {
	r.t.Helper()
	var st units.Status
	ended := false
	eventually(r.t, fmt.Sprintf("%s is %s", r.id, want), func() error {
		st = r.status()
		ended = st.State.Terminal() && st.State != want
		if st.State == want || ended {
			return nil
		}
		return fmt.Errorf("it is %q: %s", st.State, st.Reason)
	})
	if ended {
		r.t.Fatalf("%s is %s and not %s: %s (%s, exit %d, signal %d)", r.id, st.State, want, st.Reason, st.Result, st.ExitCode, st.Signal)
	}
	return st
}

// endpoint reads where the unit can be reached; nil is nowhere.
func (r *role) endpoint() *units.Endpoint {
	r.t.Helper()
	kv := r.s.read(r.t, r.s.Keys.Endpoint(r.node.Node, r.id))
	if kv == nil {
		return nil
	}
	e, _, err := registry.Decode[units.Endpoint](kv.Key, kv.Value)
	if err != nil {
		r.t.Fatal(err)
	}
	return &e
}

// endpointIs waits until the endpoint is out, or is not.
func (r *role) endpointIs(out bool) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("the endpoint of %s is out: %t", r.id, out), func() error {
		if (r.endpoint() != nil) != out {
			return errors.New("it is not so")
		}
		return nil
	})
}

// life is the running process of a unit, as the host's systemd knows it.
type life struct{ pid, invocation string }

func (r *role) life() life {
	r.t.Helper()
	var l life
	var err error
	if l.pid, err = r.node.Property(r.t.Context(), r.id.ServiceName(), "MainPID"); err != nil {
		r.t.Fatal(err)
	}
	if l.invocation, err = r.node.Property(r.t.Context(), r.id.ServiceName(), "InvocationID"); err != nil {
		r.t.Fatal(err)
	}
	return l
}

// same fails the test unless the process is still the one that it was.
func (r *role) same(before life) {
	r.t.Helper()
	if now := r.life(); now != before || now.pid == "0" {
		r.t.Errorf("%s was %+v and is %+v: it was restarted", r.id, before, now)
	}
}

// put writes a value as a scheduler would.
func (s *stage) put(t *testing.T, key string, value any) {
	t.Helper()
	var raw []byte
	var err error
	switch v := value.(type) {
	case units.Assignment:
		raw, err = registry.Encode(v, registry.Extra{})
	case units.Submission:
		raw, err = registry.Encode(v, registry.Extra{})
	case string:
		raw = []byte(v)
	default:
		t.Fatalf("cannot write a %T", value)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.commit(t, registry.Op{Kind: registry.OpPut, Key: key, Value: raw})
}

// remove deletes a key.
func (s *stage) remove(t *testing.T, key string) {
	t.Helper()
	s.commit(t, registry.Op{Kind: registry.OpDelete, Key: key})
}

// commit writes until it is known to be written: all that tests write may be written twice.
func (s *stage) commit(t *testing.T, op registry.Op) {
	t.Helper()
	eventually(t, "write "+op.Key, func() error {
		_, err := s.Registry.Txn(background(), registry.Txn{Then: []registry.Op{op}})
		return err
	})
}

// read reads one key; nil is none.
func (s *stage) read(t *testing.T, key string) (kv *registry.KeyValue) {
	t.Helper()
	eventually(t, "read "+key, func() error {
		res, err := s.Registry.Range(background(), registry.Range{Key: key})
		if err == nil && len(res.KVs) == 1 {
			kv = &res.KVs[0]
		}
		return err
	})
	return kv
}
