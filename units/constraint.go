package units

// Constraint is what a node must be to run a unit.
type Constraint struct {
	Attribute string // empty for distinct_hosts
	Operator  Comparison
	Value     string
}

// Affinity is what a node had better be; a negative weight says had better not.
type Affinity struct {
	Constraint
	Weight int // -100..100
}

// Spread distributes the units of an app over the values of an attribute.
type Spread struct {
	Attribute string
	Weight    int            // 1..100, among several
	Targets   map[string]int // percent by value; none means evenly
}

// Comparison is an operator: it compares a node's attribute with a value. The words are Nomad's.
type Comparison string

// The operators.
const (
	OpEqual            Comparison = "="
	OpNotEqual         Comparison = "!="
	OpGreater          Comparison = ">"
	OpGreaterEqual     Comparison = ">="
	OpLess             Comparison = "<"
	OpLessEqual        Comparison = "<="
	OpRegexp           Comparison = "regexp"
	OpVersion          Comparison = "version"
	OpSemver           Comparison = "semver"
	OpSetContains      Comparison = "set_contains"
	OpSetContainsAny   Comparison = "set_contains_any"
	OpIsSet            Comparison = "is_set"
	OpIsNotSet         Comparison = "is_not_set"
	OpDistinctHosts    Comparison = "distinct_hosts"
	OpDistinctProperty Comparison = "distinct_property"
)

// The attributes of a node. One of its labels is AttributeLabel and the label's key.
const (
	AttributeName   = "node.name"
	AttributeArch   = "node.arch"
	AttributeOS     = "node.os"
	AttributeKernel = "node.kernel"
	AttributePool   = "node.pool"
	AttributeTraits = "node.traits"
	AttributeLabel  = "labels."
)
