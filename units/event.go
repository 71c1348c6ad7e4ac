package units

// Event is one thing that happened: events/<writer>/<path>, kept for a while. TimeMs is cluster time in
// milliseconds, so that the events of all writers have one order.
type Event struct {
	TimeMs int64  `json:"timeMs"`
	Type   string `json:"type"`
	// What it is about, as far as it is about one.
	App    string   `json:"app,omitempty"`  // "ns/name"
	Unit   string   `json:"unit,omitempty"` // as UnitID writes it
	Node   NodeName `json:"node,omitempty"`
	Reason Reason   `json:"reason,omitzero"`
}
