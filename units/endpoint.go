package units

// Endpoint is where one healthy unit can be reached: endpoints/<ns>/<node>/<unit>. It exists only
// while the unit is healthy and is held by the guard's lease.
type Endpoint struct {
	Addresses []string          `json:"addresses"`
	Ports     map[string]uint16 `json:"ports,omitempty"`
}
