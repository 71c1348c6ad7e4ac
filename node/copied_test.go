package node

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop/looptest"
	"github.com/nsched/nsched/units/registry"
)

func (m *machine) registered() bool {
	m.t.Helper()
	r, err := m.memory.Range(m.t.Context(), registry.Range{Key: m.keys.Node("n1")})
	if err != nil {
		m.t.Fatal(err)
	}
	return len(r.KVs) > 0
}

func TestANodeWithTheKeyOfAnotherIsNotRegistered(t *testing.T) {
	m := newMachine(t)
	for i := range 2*nodesPage + 1 {
		m.put(m.keys.Node(units.NodeName(fmt.Sprintf("m%04d", i))), units.Node{Key: fmt.Sprint(i)})
	}
	m.put(m.keys.Node("m9999"), units.Node{Key: m.key})
	m.put(m.keys.Node("m0001"), []byte("{"))
	m.Advance(time.Minute)
	if m.registered() || !errors.Is(m.d.registerErr, errCopied) {
		t.Fatalf("registered: %v, says %v", m.registered(), m.d.registerErr)
	}
	m.delete(m.keys.Node("m9999"))
	m.Advance(time.Minute)
	if !m.registered() || m.d.registerErr != nil {
		t.Errorf("the other is forgotten, and still: registered: %v, says %v", m.registered(), m.d.registerErr)
	}
}

// between is a registry in which something happens after each read.
type between struct {
	registry.KV
	then func()
}

func (b between) Range(ctx context.Context, r registry.Range) (registry.RangeResult, error) {
	defer b.then()
	return b.KV.Range(ctx, r)
}

func TestTheOwnerOfAKeyIsLookedForAtOneRevisionAndIsAnother(t *testing.T) {
	for name, c := range map[string]struct {
		key  string // of this machine
		want units.NodeName
	}{
		"one that takes another name meanwhile is found": {"the same", "m9999"},
		"a late registration of its own is no other":     {"mine", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			for i := range 2 * nodesPage {
				m.put(m.keys.Node(units.NodeName(fmt.Sprintf("m%04d", i))), units.Node{Key: fmt.Sprint(i)})
			}
			m.put(m.keys.Node("m9999"), units.Node{Key: "the same"})
			reads := 0
			kv := between{m.memory, func() {
				switch reads++; reads {
				case 1:
					m.put(m.keys.Node("n1"), units.Node{Key: "mine"})
				case 2: // its first page has been read
					m.delete(m.keys.Node("m9999"))
					m.put(m.keys.Node("a0000"), units.Node{Key: "the same"})
				}
			}}
			if got, err := owner(t.Context(), kv, m.keys, "n1", c.key); got != c.want || err != nil || reads < 3 {
				t.Errorf("%q after %d reads, %v; want %q", got, reads, err, c.want)
			}
		})
	}
}

func TestANodeThatIsRegisteredStaysSoWhateverOthersDo(t *testing.T) {
	m := newMachine(t)
	m.Advance(time.Minute)
	m.put(m.keys.Node("a-copy"), units.Node{Key: m.key})
	m.restart()
	m.Advance(time.Minute)
	if !m.d.Overview().Registered {
		t.Errorf("says %v", m.d.registerErr)
	}
}

// What could not be read says nothing, and is asked for again in a while.
func TestANodeThatCannotLookForItsKeyRegistersLater(t *testing.T) {
	m := newMachine(t)
	for m.Exec.Find("check-key", "") == nil {
		m.Step()
		for _, task := range m.Exec.Waiting() {
			if task.Kind != "check-key" {
				task.Run(looptest.Applied)
			}
		}
		m.Now = m.Now.Add(50 * time.Millisecond)
	}
	m.away = true
	m.Exec.Find("check-key", "").Run(looptest.Applied)
	m.away = false
	m.Advance(registerAgain / 2)
	if m.registered() || m.d.registerErr == nil || m.d.keyUnique {
		t.Errorf("registered: %v, says %v", m.registered(), m.d.registerErr)
	}
	m.Advance(registerAgain)
	if !m.registered() || m.d.registerErr != nil {
		t.Errorf("registered: %v, says %v", m.registered(), m.d.registerErr)
	}
}
