package units

// AppSchema is the newest app document that this version understands. A node advertises its own.
const AppSchema = 1

// AppType says how an app's slots come about.
type AppType string

// The types: count slots that run on, one slot per fitting node, count slots that run to their end.
const (
	TypeService AppType = "service"
	TypeSystem  AppType = "system"
	TypeBatch   AppType = "batch"
)

// Algorithm says which of the fitting nodes is best. The zero value leaves it to the cluster.
type Algorithm string

// The algorithms: fill nodes up, or even them out.
const (
	AlgorithmBinpack Algorithm = "binpack"
	AlgorithmSpread  Algorithm = "spread"
)

// CountDefault is the count of an app whose first document names none, CountLimit the largest.
const (
	CountDefault = 1
	CountLimit   = 100_000
)

// App is what a person submits, normalised: every default is filled in. Make one with ParseApp.
//
// Pointers are nil where the document says nothing and nothing may be assumed.
type App struct {
	Schema    int
	Name      AppName
	Namespace Namespace
	Owner     string
	Labels    map[string]string
	Type      AppType
	// Count is nil when the document names none: the app keeps the count it has. It is no part of a
	// generation, so whoever has an Intent takes the count from there.
	Count     *int
	Singleton bool
	Priority  int
	// Path or Paths is set, never both. PathFor chooses.
	Path    StorePath
	Paths   map[string]StorePath // by Nix system, such as x86_64-linux
	Command []string
	Env     map[string]string

	Resources   Resources
	Ports       []Port
	Constraints []Constraint
	Affinities  []Affinity
	Spread      []Spread
	Algorithm   Algorithm
	Pool        string
	NeededBy    []Trait
	Preemption  bool

	HealthChecks HealthChecks
	CheckRestart CheckRestart
	Readiness    Readiness
	Stop         Stop
	Update       Update
	Restart      Restart
	Reschedule   Reschedule
	Disconnect   Disconnect

	Batch         *Batch // set for a batch app alone
	Periodic      *Periodic
	Parameterised *Parameterised

	DNS       []DNSRecord
	Templates []Template
	Secrets   []Secret
	State     []string
	Volumes   []Volume
	PreStart  []string
	Meta      map[string]string
	Cache     *Cache
	Sandbox   Sandbox
}

// ID returns the app's identity.
func (a App) ID() AppID { return AppID{Namespace: a.Namespace, Name: a.Name} }

// PathFor returns the store path for a Nix system, and whether there is one. An app with a single path
// says nothing about systems and has it for all.
func (a App) PathFor(system string) (StorePath, bool) {
	if a.Path != "" {
		return a.Path, true
	}
	p, ok := a.Paths[system]
	return p, ok
}

// CountOr returns the count that the document sets, or else the one given.
func (a App) CountOr(otherwise int) int {
	if a.Count == nil {
		return otherwise
	}
	return *a.Count
}
