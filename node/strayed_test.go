package node

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// there returns what the registry holds under a key; a zero revision is nothing.
func (m *machine) there(key string) registry.KeyValue {
	m.t.Helper()
	r, err := m.memory.Range(m.t.Context(), registry.Range{Key: key})
	if err != nil {
		m.t.Fatal(err)
	}
	if len(r.KVs) == 0 {
		return registry.KeyValue{}
	}
	return r.KVs[0]
}

// ours reports whether the node's registration is the one that its daemon makes.
func (m *machine) ours() bool {
	m.t.Helper()
	kv := m.there(m.keys.Node("n1"))
	n, _, err := registry.Decode[units.Node](kv.Key, kv.Value)
	return kv.ModRevision != 0 && err == nil && n.Key == m.key && n.System == "x86_64-linux"
}

// A registration that somebody deleted, or wrote nonsense over, stayed so for as long as the node kept its
// tenure: it was no node for the scheduler any more, though its guard, its daemon and its units lived.
func TestARegistrationThatAHandTookAwayIsPutAgain(t *testing.T) {
	for _, c := range []struct {
		name string
		hand func(*machine, string)
	}{
		{"deleted", func(m *machine, key string) { m.delete(key) }},
		{"no JSON", func(m *machine, key string) { m.put(key, []byte("junk")) }},
		{"empty", func(m *machine, key string) { m.put(key, []byte{}) }},
		{"of a later version", func(m *machine, key string) { m.put(key, []byte(`{"v":99,"key":"key-of-n1"}`)) }},
		{"of another kind of machine", func(m *machine, key string) { m.put(key, units.Node{Key: m.key, System: "pdp-11"}) }},
		{"deleted twice", func(m *machine, key string) {
			m.delete(key)
			m.Advance(100 * time.Millisecond)
			m.delete(key)
		}},
		{"deleted while no watch tells of it", func(m *machine, key string) {
			m.deaf = true
			m.delete(key)
			m.Advance(time.Minute)
			m.deaf = false
		}},
		{"gone with a restore", func(m *machine, key string) {
			m.delete(key)
			snapshot := m.memory.Snapshot()
			for range 20 { // so much that what comes afterwards does not make up for it
				m.put(m.keys.Clock(), units.Clock{N: 1, TimeMs: 1})
			}
			m.Advance(time.Minute)
			m.memory.Restore(snapshot)
			m.Advance(time.Minute)
		}},
		{"deleted, with all other nodes", func(m *machine, key string) {
			m.put(m.keys.Node("a-copy"), units.Node{Key: m.key}) // this is for the scheduler to judge
			m.delete(key)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			m.Advance(time.Minute)
			if !m.ours() {
				t.Fatal("it never registered")
			}
			c.hand(m, m.keys.Node("n1"))
			m.Advance(2 * putApart)
			if !m.ours() || m.d.registerErr != nil || !m.d.Overview().Registered {
				t.Fatalf("the registry holds %q; the daemon says %v", m.there(m.keys.Node("n1")).Value, m.d.registerErr)
			}
			before := m.there(m.keys.Node("n1")).ModRevision
			m.Advance(10 * time.Minute)
			if after := m.there(m.keys.Node("n1")).ModRevision; after != before {
				t.Errorf("it was written again without a reason: at %d, and at %d", before, after)
			}
		})
	}
}

func TestWhatANodesRegistrationHoldsBesidesIsKeptWhenItIsPutAgain(t *testing.T) {
	m := newMachine(t)
	m.Advance(time.Minute)
	m.put(m.keys.Node("n1"), []byte(`{"v":1,"key":"key-of-n1","later":"field"}`))
	m.Advance(time.Minute)
	if kv := m.there(m.keys.Node("n1")); !m.ours() || !bytes.Contains(kv.Value, []byte(`"later"`)) {
		t.Errorf("the registry holds %s", kv.Value)
	}
}

// The key that is pinned for a name is the other machine's, whoever wrote it. The daemon lives all the
// same, and says so: this is not what a node is fenced for.
func TestANameThatIsPinnedToAnotherKeyMeanwhileIsRefused(t *testing.T) {
	for name, value := range map[string][]byte{
		"a registration":            []byte(`{"v":1,"key":"another"}`),
		"one of a later version":    []byte(`{"v":99,"key":"another"}`),
		"one that is half readable": []byte(`{"v":1,"key":"another","capacity":"much"}`),
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.Advance(time.Minute)
			m.put(m.keys.Node("n1"), value)
			m.Advance(10 * time.Minute)
			if kv := m.there(m.keys.Node("n1")); !bytes.Equal(kv.Value, value) || m.d.registerErr == nil {
				t.Fatalf("the registry holds %s; the daemon says %v", kv.Value, m.d.registerErr)
			}
			if m.there(m.keys.Agent("n1")).ModRevision == 0 {
				t.Error("its daemon counts as dead")
			}
			// Nothing readable is no leave to take what was another's.
			m.put(m.keys.Node("n1"), []byte("junk"))
			m.Advance(time.Minute)
			if name == "a registration" && m.ours() {
				t.Error("it was taken when it could not be read any more")
			}
			m.delete(m.keys.Node("n1"))
			m.Advance(time.Minute)
			if !m.ours() || m.d.registerErr != nil {
				t.Errorf("the other is forgotten, and still: %v", m.d.registerErr)
			}
		})
	}
}

func TestARegistrationThatCannotBeReadIsNobodysForADaemonThatBegins(t *testing.T) {
	m := newMachine(t)
	m.put(m.keys.Node("n1"), []byte("junk"))
	m.Advance(time.Minute)
	if m.ours() || m.d.registerErr == nil {
		t.Errorf("it was taken; the daemon says %v", m.d.registerErr)
	}
}

// Its guard may not know yet that the tenure is over.
func TestANodeThatHasLostItsTenurePutsNoRegistrationAgain(t *testing.T) {
	m := newMachine(t)
	m.Advance(time.Minute)
	m.delete(m.keys.Alive("n1"))
	m.put(m.keys.Alive("n1"), units.Alive{BootID: "of another machine"})
	m.delete(m.keys.Node("n1"))
	m.Advance(time.Minute)
	if m.there(m.keys.Node("n1")).ModRevision != 0 {
		t.Error("it registered in the tenure of another")
	}
	m.put(m.keys.Node("n1"), units.Node{Key: "another"})
	m.claim()
	m.Advance(time.Minute)
	if m.ours() || !errors.Is(m.d.registerErr, errPinned) {
		t.Errorf("it took the other's name: %v", m.d.registerErr)
	}
}

// The registration of one tenure was acknowledged when the next had begun already, and counted for that
// one: for the scheduler the node had not registered in it.
func TestARegistrationCountsForTheTenureThatItWasPutIn(t *testing.T) {
	m := newMachine(t)
	hold := func(kind string) (run func()) {
		for range 100 {
			m.Step()
			for _, task := range m.Exec.Waiting() {
				if task.Kind != kind {
					task.Run(0)
				}
			}
			if task := m.Exec.Find(kind, ""); task != nil {
				return func() { task.Run(0) }
			}
			m.Now = m.Now.Add(100 * time.Millisecond)
		}
		t.Fatalf("there is no %s", kind)
		return nil
	}
	put := hold("register")
	put() // its answer is not applied yet
	m.claim()
	m.d.registered = false
	m.d.place.Tenure = m.place.Tenure // the guard has told
	m.Advance(10 * time.Second)
	if kv := m.there(m.keys.Node("n1")); kv.ModRevision < m.place.Tenure {
		t.Errorf("in tenure %d it is registered at %d", m.place.Tenure, kv.ModRevision)
	}
}

// Two at once would compare what the other is about to change.
func TestANodeMakesOneRequestAboutItsRegistrationAtATime(t *testing.T) {
	about := []string{"check-key", "register", "grant", "agent", "keepalive"}
	m := newMachine(t)
	met := map[string]bool{}
	for range 400 {
		for range 3 {
			m.Step()
		}
		flying := 0
		for _, task := range m.Exec.Waiting() {
			if slices.Contains(about, task.Kind) {
				flying++
				met[task.Kind] = true
			}
		}
		if flying > 1 {
			t.Fatalf("waiting for %v", m.Exec.Waiting())
		}
		m.Exec.RunAll()
		m.Now = m.Now.Add(50 * time.Millisecond)
	}
	if len(met) != len(about) {
		t.Errorf("met %v", met)
	}
}

func TestARegistrationThatTheViewHasNotSeenYetIsNotPutAgain(t *testing.T) {
	m := newMachine(t)
	m.Settle()
	m.deaf = true
	for range 50 {
		if m.Advance(20 * time.Millisecond); m.ours() {
			break
		}
	}
	put := m.there(m.keys.Node("n1")).ModRevision
	if put == 0 {
		t.Fatal("it never registered")
	}
	m.Advance(5 * putApart)
	if now := m.there(m.keys.Node("n1")).ModRevision; now != put {
		t.Errorf("it was put at revision %d, and again at %d", put, now)
	}
}
