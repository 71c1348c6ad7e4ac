package units

// SlotSummary is what an app's status shows of one slot.
type SlotSummary struct {
	Node   NodeName `json:"node,omitempty"`
	Unit   string   `json:"unit,omitempty"`
	State  State    `json:"state,omitempty"`
	Health Health   `json:"health,omitempty"`
	Reason Reason   `json:"reason,omitzero"`
}

// Summary is one chunk of an app's status: summary/<ns>/<app>/<chunk>.
type Summary struct {
	Slots map[Slot]SlotSummary `json:"slots"`
}
