package units

import "strings"

// Event is one thing that happened: events/<writer>/<path>, kept for a while. TimeMs is cluster time in
// milliseconds, so that the events of all writers have one order.
type Event struct {
	TimeMs int64  `json:"timeMs"`
	Type   string `json:"type"` // one of the Event… words; readers meet newer ones
	// What it is about, as far as it is about one.
	App    string   `json:"app,omitempty"`  // "ns/name"
	Unit   string   `json:"unit,omitempty"` // as UnitID writes it
	Node   NodeName `json:"node,omitempty"`
	Reason Reason   `json:"reason,omitzero"`
	// Epoch is the highest that the writer had seen of the cluster, in EventRegression.
	Epoch int64 `json:"epoch,omitempty"`
}

// Types of a node's events. One of a unit's state is UnitEvent's.
const (
	EventUnitOrphaned      = "unit-orphaned" // it runs, and nobody assigns it
	EventEndpointPublished = "endpoint-published"
	EventEndpointWithdrawn = "endpoint-withdrawn"
	EventTenureBegan       = "tenure-began"
	EventTenureEnded       = "tenure-ended"
)

// Types of a scheduler's events.
const (
	EventTermBegan      = "term-began"
	EventUnitPlaced     = "unit-placed"
	EventUnitDismissed  = "unit-dismissed" // told to stop
	EventUnitEvicted    = "unit-evicted"   // given up with its node
	EventNodeLost       = "node-lost"
	EventNodeUncertain  = "node-uncertain" // gone, or half gone, and not yet given up
	EventNodeReady      = "node-ready"
	EventEvictionFreeze = "evictions-frozen"
	EventEvictionThaw   = "evictions-resumed"
	EventBadKey         = "bad-key" // a key that cannot be read, and so changes nothing
)

// Types of everybody's events.
const (
	// EventRegression: etcd went back in time, and the writer holds.
	EventRegression = "registry-regressed"
	// EventsLost: the writer had more to tell than it may write.
	EventsLost = "events-lost"
)

// UnitEvent is the type of a unit's coming to a state: "unit-healthy".
func UnitEvent(s State) string { return "unit-" + string(s) }

// eventMessageLimit bounds what an event tells, in bytes: the whole text is in the status or the log.
const eventMessageLimit = 1024

// Shortened returns the event with its message cut to what an event may tell.
func (e Event) Shortened() Event {
	if m := e.Reason.Message; len(m) > eventMessageLimit {
		e.Reason.Message = strings.ToValidUTF8(m[:eventMessageLimit], "") + "…"
	}
	return e
}
