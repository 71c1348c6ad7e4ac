package loop

import (
	"sync"

	"github.com/nsched/nsched/units"
)

// Mailbox is a shell's unbounded queue of events. Post may be called from any goroutine.
type Mailbox struct {
	mu     sync.Mutex
	events []Event
	wake   chan struct{}
}

// NewMailbox returns an empty mailbox.
func NewMailbox() *Mailbox { return &Mailbox{wake: make(chan struct{}, 1)} }

// Post appends an event and wakes the shell.
func (m *Mailbox) Post(e Event) {
	m.mu.Lock()
	m.events = append(m.events, e)
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Apply runs the queued events in order, those included that they post themselves, and returns how
// many there were. Step calls it first.
func (m *Mailbox) Apply(now units.Instant) int {
	n := 0
	for {
		m.mu.Lock()
		events := m.events
		m.events = nil
		m.mu.Unlock()
		if len(events) == 0 {
			return n
		}
		for _, e := range events {
			e(now)
		}
		n += len(events)
	}
}

// Len returns how many events wait.
func (m *Mailbox) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.events)
}

// Wake receives after a Post. One receive may stand for many posts.
func (m *Mailbox) Wake() <-chan struct{} { return m.wake }
