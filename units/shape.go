package units

import "fmt"

// shape is how a value of type T stands in a document: how it is read, written and described. One table
// of shapes (appShape and its parts) makes the parser, the normalised form and the JSON Schema, so the
// three cannot disagree.
type shape[T any] interface {
	// read fills into from v and reports what is wrong; what is wrong leaves into as it was.
	read(r *reader, v *value, into *T)
	// write returns from's normalised form; nil leaves the field out.
	write(from T) tree
	// schema describes what read accepts, or more.
	schema() schema
}

// schema is a JSON Schema.
type schema map[string]any

// reader collects problems while shapes read.
type reader struct {
	path     path
	problems Problems
}

func (r *reader) report(format string, args ...any) {
	r.problems = append(r.problems, Problem{Path: r.path.String(), Message: fmt.Sprintf(format, args...)})
}

// is reports whether v is of the kind that is due; if not, advice says how to write it.
func (r *reader) is(v *value, due kind, advice string) bool {
	switch {
	case v.kind == due:
		return !v.reported
	case v.kind == isNull:
		r.report("null is no value; leave the field out instead")
	default:
		r.report("%s is due here, not %s%s", due, v.kind, advice)
	}
	return false
}

// within reads something inside the current value.
func (r *reader) within(s step, read func()) {
	r.path = append(r.path, s)
	read()
	r.path = r.path[:len(r.path)-1]
}

// tree is the normalised form of a value: text, int64, bool, branch (an object) or items (a list).
type tree any

type (
	branch []leaf
	items  []tree
)

// leaf is a key of a branch and what is there. Order is the key's place in the table of fields; the free
// keys of a map have none and stand sorted.
type leaf struct {
	order int
	key   string
	tree  tree
}
