package units

// OnChange says what a unit is told when a template renders differently.
type OnChange string

// The values of OnChange.
const (
	ChangeRestart OnChange = "restart"
	ChangeReload  OnChange = "reload"
	ChangeSignal  OnChange = "signal"
	ChangeNone    OnChange = "none"
)

// Template is a file of the app's path, rendered for a unit.
type Template struct {
	Source      string // relative to the path
	Destination string // relative to the runtime directory
	OnChange    OnChange
}

// Secret is handed to a unit as a credential.
type Secret struct {
	Name string
	As   string // file name in the credentials directory
}

// Volume is a directory that a node offers by name.
type Volume struct {
	Name     string
	Mount    string // where the unit sees it
	ReadOnly bool
}

// Cache is asked for the closure before the node's own caches are.
type Cache struct {
	URL string
	// PublicKeys narrows which of the node's trusted keys may have signed; it never adds one.
	PublicKeys []string
}

// Sandbox relaxes or tightens what a unit is kept from. A node's policy must grant what relaxes.
type Sandbox struct {
	AllowJIT      bool
	BindLowPorts  bool
	Network       bool
	WritablePaths []string
	Capabilities  []string
	ClosureOnly   bool
}
