package systemd

import (
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"

	"github.com/nsched/nsched/units"
)

// hintLimit bounds the units that are remembered as changed; beyond it, everything may have.
const hintLimit = 4096

// hints collects which units may have changed, from signals of the connection. It never blocks the
// connection's reader and its memory is bounded.
type hints struct {
	mu    sync.Mutex
	dirty map[units.UnitID]struct{}
	all   bool
	wake  chan struct{} // holds a token while there is something to take
}

func newHints() *hints {
	return &hints{dirty: map[units.UnitID]struct{}{}, wake: make(chan struct{}, 1)}
}

func (h *hints) add(id units.UnitID) {
	h.mu.Lock()
	if h.all = h.all || len(h.dirty) >= hintLimit || id == (units.UnitID{}); h.all {
		clear(h.dirty)
	} else {
		h.dirty[id] = struct{}{}
	}
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// take returns what has changed and forgets it.
func (h *hints) take() (changed []units.UnitID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.all {
		changed = append(changed, units.UnitID{})
	}
	for id := range h.dirty {
		changed = append(changed, id)
	}
	clear(h.dirty)
	h.all = false
	return changed
}

// handler returns the receiver of one connection's signals.
func (h *hints) handler() *signalHandler { return &signalHandler{hints: h} }

// signalHandler stands in for godbus' own, which queues signals without bound.
type signalHandler struct {
	hints *hints
	mu    sync.Mutex
	// channels are go-systemd's: nothing is sent to them, but closing them ends its goroutine.
	channels []chan<- *dbus.Signal
}

// DeliverSignal implements dbus.SignalHandler.
func (s *signalHandler) DeliverSignal(_, _ string, signal *dbus.Signal) {
	if id, ok := subject(signal); ok {
		s.hints.add(id)
	}
}

// AddSignal implements dbus.SignalRegistrar.
func (s *signalHandler) AddSignal(ch chan<- *dbus.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.channels = append(s.channels, ch)
}

// RemoveSignal implements dbus.SignalRegistrar.
func (s *signalHandler) RemoveSignal(chan<- *dbus.Signal) {}

// Terminate implements dbus.Terminator.
func (s *signalHandler) Terminate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ch := range s.channels {
		close(ch)
	}
	s.channels = nil
}

// subject returns the unit that a signal is about.
func subject(signal *dbus.Signal) (units.UnitID, bool) {
	switch signal.Name {
	case managerInterface + ".Reloading":
		return units.UnitID{}, true
	case managerInterface + ".UnitNew", managerInterface + ".UnitRemoved":
		return argument(signal, 0)
	case managerInterface + ".JobRemoved":
		return argument(signal, 2)
	case "org.freedesktop.DBus.Properties.PropertiesChanged":
		name, ok := strings.CutPrefix(string(signal.Path), unitPath)
		if !ok {
			return units.UnitID{}, false
		}
		return service(unescape(name))
	}
	return units.UnitID{}, false
}

const unitPath = "/org/freedesktop/systemd1/unit/"

func argument(signal *dbus.Signal, n int) (units.UnitID, bool) {
	if len(signal.Body) <= n {
		return units.UnitID{}, false
	}
	name, _ := signal.Body[n].(string)
	return service(name)
}

func service(name string) (units.UnitID, bool) {
	if !strings.HasPrefix(name, "nsched.") {
		return units.UnitID{}, false
	}
	id, err := units.ParseServiceName(name)
	return id, err == nil
}

// unescape undoes systemd's escaping of object paths: "_2e" is ".".
func unescape(path string) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] == '_' && i+2 < len(path) {
			high, low := strings.IndexByte(digits, path[i+1]), strings.IndexByte(digits, path[i+2])
			if high >= 0 && low >= 0 {
				b.WriteByte(byte(high<<4 | low))
				i += 2
				continue
			}
		}
		b.WriteByte(path[i])
	}
	return b.String()
}
