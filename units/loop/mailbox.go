package loop

import (
	"sync"

	"github.com/nsched/nsched/units"
)

// Mailbox is a shell's unbounded queue of events. Post may be called from any goroutine.
type Mailbox struct {
	mu     sync.Mutex
	events []Event
	spare  []Event // empty, and room for what comes next
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
		m.events, m.spare = m.spare, nil
		m.mu.Unlock()
		if len(events) == 0 {
			m.reuse(events)
			return n
		}
		for _, e := range events {
			e(now)
		}
		n += len(events)
		m.reuse(events)
	}
}

// spareMost is how much room is kept: a burst takes more and gives it back.
const spareMost = 64

// reuse keeps the room of events that have been applied.
func (m *Mailbox) reuse(events []Event) {
	if cap(events) == 0 || cap(events) > spareMost {
		return
	}
	clear(events)
	m.mu.Lock()
	m.spare = events[:0]
	m.mu.Unlock()
}

// Len returns how many events wait.
func (m *Mailbox) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.events)
}

// Wake receives after a Post. One receive may stand for many posts.
func (m *Mailbox) Wake() <-chan struct{} { return m.wake }
