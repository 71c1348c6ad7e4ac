package units

// Node is a machine's registration, nodes/<node>: what it is and what it offers. Its name is in the
// key. Capacity is what units may use: the machine's own less the operator's reserve.
type Node struct {
	// Key is the node's ed25519 public key in base64, pinned at the first registration: a second
	// machine that claims the same name with another key is refused.
	Key string `json:"key"`
	// BootID is the kernel's, so that two lives of one machine can be told apart.
	BootID   string   `json:"bootId"`
	System   string   `json:"system"` // Nix' word, such as x86_64-linux
	OS       string   `json:"os,omitempty"`
	Kernel   string   `json:"kernel,omitempty"`
	Capacity Capacity `json:"capacity"`
	// Addresses are what peers reach this machine by, the preferred one first.
	Addresses []string          `json:"addresses"`
	Labels    map[string]string `json:"labels,omitempty"`
	Traits    []Trait           `json:"traits,omitempty"`
	Pool      string            `json:"pool,omitempty"`
	// ReservedPorts are never given to a unit.
	ReservedPorts []PortRange `json:"reservedPorts,omitempty"`
	// Namespaces the node admits; empty admits all.
	Namespaces []Namespace `json:"namespaces,omitempty"`
	// Caches and PublicKeys are the substituters the node asks and the keys it trusts.
	Caches     []string `json:"caches,omitempty"`
	PublicKeys []string `json:"publicKeys,omitempty"`
	// AppSchema is the newest app document the node understands.
	AppSchema int      `json:"appSchema"`
	API       string   `json:"api,omitempty"` // base URL of the node's API
	Versions  Versions `json:"versions"`
}

// Capacity is what a node offers or a unit takes, in every dimension that is counted.
type Capacity struct {
	CPUMilli    int64            `json:"cpuMilli"`
	MemoryBytes int64            `json:"memoryBytes"`
	DiskBytes   int64            `json:"diskBytes"`
	Devices     map[string]int64 `json:"devices,omitempty"`
}

// PortRange is a closed range of port numbers.
type PortRange struct {
	First uint16 `json:"first"`
	Last  uint16 `json:"last"`
}

// Versions are those of the parts a node runs.
type Versions struct {
	Nsched  string `json:"nsched"`
	Systemd string `json:"systemd,omitempty"`
	Nix     string `json:"nix,omitempty"`
}

// Alive is the value of alive/<node>, held by the guard's lease. Its create revision is the tenure.
type Alive struct {
	BootID string `json:"bootId"`
}

// Agent is the value of agent/<node>, held by the daemon's lease: it is gone when the daemon is.
type Agent struct {
	BootID  string `json:"bootId"`
	Version string `json:"version"`
}

// Operator is what people decided about a node: operator/<node>.
type Operator struct {
	Cordon bool `json:"cordon,omitempty"`
	Drain  bool `json:"drain,omitempty"`
	// ConfirmLost names the tenure whose loss a person vouches for; it lifts the brake for it.
	ConfirmLost int64 `json:"confirmLost,omitempty"`
}

// Fence is the scheduler's word that the tenure named is over, and that a node which still holds it must
// give it up: fence/<node>.
type Fence struct {
	Tenure int64  `json:"tenure"`
	Reason string `json:"reason,omitempty"`
	// LostAtMs is the cluster time, in milliseconds since 1970, at which the loss of the tenure was put on
	// record. What has to wait for so long after a loss counts from there, whoever leads then. 0: the
	// tenure is to be given up, and has not been yet.
	LostAtMs int64 `json:"lostAtMs,omitempty"`
}
