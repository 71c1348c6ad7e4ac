package units

// SlotRecord is what must outlive the units of a slot: how often it was tried, and when it may be
// tried again. NotBeforeMs is cluster time in milliseconds.
type SlotRecord struct {
	// Attempt is the highest attempt ever given out; it is never reused.
	Attempt Attempt `json:"attempt"`
	// Failures counts the failures in a row of one generation, for the back-off: another generation
	// begins anew.
	Failures    int        `json:"failures,omitempty"`
	Generation  Generation `json:"generation,omitempty"`
	NotBeforeMs int64      `json:"notBeforeMs,omitempty"`
	// Failure is why the latest of the failures came, as its node said; a long message is cut.
	Failure    Reason `json:"failure,omitzero"`
	LastLaunch string `json:"lastLaunch,omitempty"`
	// LastNode is where the slot last ran.
	LastNode NodeName `json:"lastNode,omitempty"`
}

// Slots is one chunk of an app's slot records: slots/<ns>/<app>/<chunk>. A slot that was placed once
// and never ended needs no record: its attempt is in its assignment.
type Slots struct {
	Slots map[Slot]SlotRecord `json:"slots"`
}
