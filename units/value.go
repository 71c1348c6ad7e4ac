package units

// kind is what a JSON value is.
type kind int

const (
	isNull kind = iota
	isBool
	isNumber
	isText
	isList
	isObject
)

// String returns the kind as it stands in a message.
func (k kind) String() string {
	return [...]string{"null", "true or false", "a number", "a string", "a list", "an object"}[k]
}

// value is one value of a document as it was written, with the place where it stands.
type value struct {
	kind       kind
	start, end int    // byte offsets of its literal
	text       string // of a string, decoded; of a number, its literal
	truth      bool
	reported   bool // its own text is defective, and that has been reported
	members    []member
	items      []value
}

// member is a key of an object and its value. Duplicates, already reported, are left out.
type member struct {
	key   string
	value value
}

// at returns the value under a key.
func (v *value) at(key string) (*value, bool) {
	for i := range v.members {
		if v.members[i].key == key {
			return &v.members[i].value, true
		}
	}
	return nil, false
}
