package stage

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// Role is a unit on a node: what a test assigned by hand.
type Role struct {
	s    *Stage
	t    *testing.T
	ID   units.UnitID
	Node *cluster.Node
	Port uint16
}

// Cast stores a document as generation 1 of its app and assigns slot 0 to a node. The test's end stops
// it.
func (s *Stage) Cast(t *testing.T, n *cluster.Node, app Document) *Role {
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
	r := &Role{s: s, t: t, Node: n, Port: port, ID: units.UnitID{
		Namespace: parsed.Namespace, App: parsed.Name, Slot: "0", Generation: 1, Attempt: 1,
	}}
	s.Put(t, s.Keys.Generation(r.ID.AppID(), 1), units.Submission{Document: string(text), Submitter: t.Name()})
	r.Assign(units.DesiredRun)
	t.Cleanup(func() {
		if !t.Failed() {
			r.Assign(units.DesiredStop)
		}
	})
	return r
}

// Assign writes the assignment.
func (r *Role) Assign(d units.Desired) {
	r.t.Helper()
	alive := r.s.Read(r.t, r.s.Keys.Alive(r.Node.Node))
	a := units.Assignment{Desired: d, Ports: map[string]uint16{"http": r.Port}}
	if alive != nil {
		a.Tenure = alive.CreateRevision
	}
	r.s.Put(r.t, r.Key(), a)
}

// Key is that of the assignment.
func (r *Role) Key() string { return r.s.Keys.Unit(r.Node.Node, r.ID) }

// URL is an address of the service.
func (r *Role) URL(path string) string {
	return fmt.Sprintf("http://%s:%d%s", r.Node.Address(), r.Port, path)
}

// Status reads the node's word about the unit; it is zero where there is none.
func (r *Role) Status() units.Status {
	r.t.Helper()
	kv := r.s.Read(r.t, r.s.Keys.Status(r.Node.Node, r.ID))
	if kv == nil {
		return units.Status{}
	}
	st, _, err := registry.Decode[units.Status](kv.Key, kv.Value)
	if err != nil {
		r.t.Fatal(err)
	}
	return st
}

// Reaches waits for a state and returns the status that says it. A unit that ends otherwise will not get
// there, so the wait ends too.
func (r *Role) Reaches(want units.State) units.Status {
	r.t.Helper()
	var st units.Status
	ended := false
	Eventually(r.t, fmt.Sprintf("%s is %s", r.ID, want), func() error {
		st = r.Status()
		ended = st.State.Terminal() && st.State != want
		if st.State == want || ended {
			return nil
		}
		return fmt.Errorf("it is %q: %s", st.State, st.Reason)
	})
	if ended {
		r.t.Fatalf("%s is %s and not %s: %s (%s, exit %d, signal %d)", r.ID, st.State, want, st.Reason, st.Result, st.ExitCode, st.Signal)
	}
	return st
}

// Endpoint reads where the unit can be reached; nil is nowhere.
func (r *Role) Endpoint() *units.Endpoint {
	r.t.Helper()
	kv := r.s.Read(r.t, r.s.Keys.Endpoint(r.Node.Node, r.ID))
	if kv == nil {
		return nil
	}
	e, _, err := registry.Decode[units.Endpoint](kv.Key, kv.Value)
	if err != nil {
		r.t.Fatal(err)
	}
	return &e
}

// EndpointIs waits until the endpoint is out, or is not.
func (r *Role) EndpointIs(out bool) {
	r.t.Helper()
	Eventually(r.t, fmt.Sprintf("the endpoint of %s is out: %t", r.ID, out), func() error {
		if (r.Endpoint() != nil) != out {
			return errors.New("it is not so")
		}
		return nil
	})
}

// Life is the running process of a unit, as the host's systemd knows it.
type Life struct{ PID, Invocation string }

// Life asks systemd who runs; PID is "0" where nobody does.
func (r *Role) Life() Life {
	r.t.Helper()
	var l Life
	var err error
	if l.PID, err = r.Node.Property(r.t.Context(), r.ID.ServiceName(), "MainPID"); err != nil {
		r.t.Fatal(err)
	}
	if l.Invocation, err = r.Node.Property(r.t.Context(), r.ID.ServiceName(), "InvocationID"); err != nil {
		r.t.Fatal(err)
	}
	return l
}

// Same fails the test unless the process is still the one that it was.
func (r *Role) Same(before Life) {
	r.t.Helper()
	if now := r.Life(); now != before || now.PID == "0" {
		r.t.Errorf("%s was %+v and is %+v: it was restarted", r.ID, before, now)
	}
}

// Log reads what the unit wrote from the node's API.
func (r *Role) Log() string {
	r.t.Helper()
	code, body, err := r.Node.Ask(r.t.Context(), "/v1/logs?unit="+r.ID.String())
	if err != nil || code != 200 {
		r.t.Fatalf("read the log of %s: %d, %v: %s", r.ID, code, err, body)
	}
	return body
}

// Tenure asks the node for its place.
func Tenure(t *testing.T, n *cluster.Node) int64 {
	t.Helper()
	var overview struct{ Tenure int64 }
	Eventually(t, "the node knows its tenure", func() error {
		_, body, err := n.Ask(t.Context(), "/v1/node")
		if err == nil {
			err = json.Unmarshal([]byte(body), &overview)
		}
		if err == nil && overview.Tenure == 0 {
			err = errors.New("it has none")
		}
		return err
	})
	return overview.Tenure
}

// Role is the unit of that name on a node, which somebody else assigned.
func (s *Stage) Role(t *testing.T, n *cluster.Node, id units.UnitID) *Role {
	return &Role{s: s, t: t, ID: id, Node: n}
}
