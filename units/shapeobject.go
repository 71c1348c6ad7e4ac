package units

import (
	"strings"
)

// field is one field of an object that is read into an S.
type field[S any] struct {
	name     string
	about    string // one sentence for the schema
	required bool
	read     func(r *reader, v *value, into *S)
	write    func(from *S) tree
	schema   func() schema
}

// at makes a field out of its shape and where its value is kept.
func at[S, T any](name, about string, of shape[T], in func(*S) *T) field[S] {
	return field[S]{
		name:   name,
		about:  about,
		read:   func(r *reader, v *value, into *S) { of.read(r, v, in(into)) },
		write:  func(from *S) tree { return of.write(*in(from)) },
		schema: of.schema,
	}
}

// due makes a field required.
func (f field[S]) due() field[S] {
	f.required = true
	return f
}

// lift makes fields of a part into fields of the whole that embeds it.
func lift[S, P any](fields []field[P], in func(*S) *P) []field[S] {
	lifted := make([]field[S], len(fields))
	for i, f := range fields {
		lifted[i] = field[S]{
			name: f.name, about: f.about, required: f.required, schema: f.schema,
			read:  func(r *reader, v *value, into *S) { f.read(r, v, in(into)) },
			write: func(from *S) tree { return f.write(in(from)) },
		}
	}
	return lifted
}

// object is the shape of an object with these fields and no others.
type object[S any] struct {
	defaults S
	fields   []field[S]
	extra    schema // what else the schema says
}

func (o object[S]) read(r *reader, v *value, into *S) {
	if !r.is(v, isObject, "") {
		return
	}
	*into = o.defaults
	for i := range v.members {
		m := &v.members[i]
		r.within(step{key: m.key}, func() {
			if f, ok := o.field(m.key); ok {
				f.read(r, &m.value, into)
				return
			}
			r.report("%s", o.unknown(m.key))
		})
	}
	for _, f := range o.fields {
		if _, present := v.at(f.name); f.required && !present {
			r.within(step{key: f.name}, func() { r.report("is missing; it is required") })
		}
	}
}

func (o object[S]) field(name string) (field[S], bool) {
	for _, f := range o.fields {
		if f.name == name {
			return f, true
		}
	}
	return field[S]{}, false
}

// unknown says that there is no such field and which one may be meant. EqualFold folds all of Unicode,
// as Go's own decoder does: "replicaſ" is a variant of "replicas" to it.
func (o object[S]) unknown(key string) string {
	for _, f := range o.fields {
		if strings.EqualFold(f.name, key) {
			return "unknown field; case matters: write " + f.name
		}
	}
	for _, f := range o.fields {
		if near(f.name, key) {
			return "unknown field; is " + f.name + " meant?"
		}
	}
	return "unknown field"
}

func (o object[S]) write(from S) tree {
	b := branch{}
	for i, f := range o.fields {
		t := f.write(&from)
		if empty, isBranch := t.(branch); t == nil || isBranch && len(empty) == 0 {
			continue
		}
		b = append(b, leaf{order: i, key: f.name, tree: t})
	}
	return b
}

func (o object[S]) schema() schema {
	properties := schema{}
	var required []string
	for _, f := range o.fields {
		s := schema{}
		for k, v := range f.schema() {
			s[k] = v
		}
		s["description"] = f.about
		if t := f.write(&o.defaults); isScalar(t) {
			s["default"] = t
		}
		properties[f.name] = s
		if f.required {
			required = append(required, f.name)
		}
	}
	s := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if required != nil {
		s["required"] = required
	}
	for k, v := range o.extra {
		s[k] = v
	}
	return s
}

func isScalar(t tree) bool {
	switch t.(type) {
	case string, int64, bool:
		return true
	}
	return false
}

// near reports whether two words differ by at most two edits, and by less than half of them.
func near(a, b string) bool {
	if max(len(a)-len(b), len(b)-len(a)) > 2 || len(b) > labelLimit {
		return false
	}
	var row [labelLimit + 1]int
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	edits := row[len(b)]
	return edits <= 2 && 2*edits < min(len(a), len(b))
}
