package units

import (
	"maps"
	"slices"
)

// listOf is the shape of a list.
type listOf[T any] struct {
	of  shape[T]
	min int
}

func (l listOf[T]) read(r *reader, v *value, into *[]T) {
	if !r.is(v, isList, "") {
		return
	}
	if len(v.items) < l.min {
		r.report("is empty; it needs %d or more", l.min)
		return
	}
	var read []T
	for i := range v.items {
		var item T
		r.within(step{index: i, isIndex: true}, func() { l.of.read(r, &v.items[i], &item) })
		read = append(read, item)
	}
	*into = read
}

func (l listOf[T]) write(from []T) tree {
	if len(from) == 0 {
		return nil
	}
	written := make(items, len(from))
	for i, item := range from {
		written[i] = l.of.write(item)
	}
	return written
}

func (l listOf[T]) schema() schema {
	s := schema{"type": "array", "items": l.of.schema()}
	if l.min > 0 {
		s["minItems"] = l.min
	}
	return s
}

// mapOf is the shape of an object whose keys are free.
type mapOf[T any] struct {
	key     func(string) string // what is wrong with a key; "" if nothing is
	pattern string              // of a key, for the schema
	of      shape[T]
	min     int
}

func (m mapOf[T]) read(r *reader, v *value, into *map[string]T) {
	if !r.is(v, isObject, "") {
		return
	}
	if len(v.members) < m.min {
		r.report("is empty; it needs %d or more", m.min)
		return
	}
	var read map[string]T
	for i := range v.members {
		key := v.members[i].key
		r.within(step{key: key}, func() {
			if problem := m.key(key); problem != "" {
				r.report("%s", problem)
				return
			}
			var item T
			m.of.read(r, &v.members[i].value, &item)
			if read == nil {
				read = map[string]T{}
			}
			read[key] = item
		})
	}
	*into = read
}

func (m mapOf[T]) write(from map[string]T) tree {
	if len(from) == 0 {
		return nil
	}
	written := make(branch, 0, len(from))
	for _, key := range slices.Sorted(maps.Keys(from)) {
		written = append(written, leaf{key: key, tree: m.of.write(from[key])})
	}
	return written
}

func (m mapOf[T]) schema() schema {
	s := schema{"type": "object", "additionalProperties": m.of.schema()}
	if m.pattern != "" {
		s["propertyNames"] = schema{"pattern": m.pattern}
	}
	if m.min > 0 {
		s["minProperties"] = m.min
	}
	return s
}

// maybe is the shape of a value whose absence means something: nil.
type maybe[T any] struct{ of shape[T] }

func (m maybe[T]) read(r *reader, v *value, into **T) {
	before := len(r.problems)
	var read T
	m.of.read(r, v, &read)
	if len(r.problems) == before && !v.reported {
		*into = &read
	}
}

func (m maybe[T]) write(from *T) tree {
	if from == nil {
		return nil
	}
	t := m.of.write(*from)
	if b, isBranch := t.(branch); isBranch && len(b) == 0 {
		return emptyObject{}
	}
	return t
}

func (m maybe[T]) schema() schema { return m.of.schema() }

// emptyObject is an object that is there and has nothing in it.
type emptyObject struct{}
