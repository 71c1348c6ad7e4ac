package node

import (
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
