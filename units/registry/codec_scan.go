package registry

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// shape is what is known of a type's JSON form: a struct's fields by name, or a map's elements. nil is
// anything else, inside of which nothing is looked for.
type shape struct {
	fields map[string]*shape
	elem   *shape // of a map; fields is nil
}

var shapes sync.Map // reflect.Type -> *shape

func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	s, _ := shapes.LoadOrStore(t, makeShape(t))
	return s.(*shape)
}

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func makeShape(t reflect.Type) *shape {
	if p := reflect.PointerTo(t); p.Implements(jsonUnmarshaler) || p.Implements(textUnmarshaler) {
		return nil
	}
	switch t.Kind() {
	case reflect.Map:
		if elem := makeShape(t.Elem()); elem != nil {
			return &shape{elem: elem}
		}
	case reflect.Struct:
		s := &shape{fields: map[string]*shape{}}
		for _, f := range reflect.VisibleFields(t) {
			if name := jsonName(f); name != "" {
				s.fields[name] = makeShape(f.Type)
			}
		}
		return s
	}
	return nil
}

// jsonName returns the name of a field in JSON, "" if it has none of its own.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	switch {
	case !f.IsExported() || name == "-" || (f.Anonymous && name == ""):
		return ""
	case name == "":
		return f.Name
	}
	return name
}

// scan walks a document that is known to be valid JSON and returns its `v` and what the shape does not
// know. It allocates only for what is unknown.
func scan(doc []byte, s *shape) (version []byte, extra Extra, err error) {
	c := cursor{doc: doc}
	if c.peek() != '{' {
		return nil, Extra{}, errors.New("it is not an object")
	}
	err = c.object(func(name string, raw []byte) error {
		if name == "v" {
			version = raw
			return nil
		}
		return extra.note(name, raw, s)
	})
	return version, extra, err
}

// note records what is unknown of one field.
func (e *Extra) note(name string, raw []byte, s *shape) error {
	inner, known := s.elem, true
	if s.fields != nil {
		inner, known = s.fields[name]
	}
	if !known {
		for field := range s.fields { // order-free: no two fields fold to one
			if strings.EqualFold(field, name) {
				return fmt.Errorf("it has %s; write %q", quote(name), field)
			}
		}
		if e.fields == nil {
			e.fields = map[string]json.RawMessage{}
		}
		e.fields[name] = raw
		return nil
	}
	if inner == nil || raw[0] != '{' {
		return nil
	}
	c, deeper := cursor{doc: raw}, Extra{field: s.fields != nil}
	if err := c.object(func(name string, raw []byte) error { return deeper.note(name, raw, inner) }); err != nil {
		return err
	}
	if !deeper.IsZero() {
		if e.inner == nil {
			e.inner = map[string]Extra{}
		}
		e.inner[name] = deeper
	}
	return nil
}

// cursor reads valid JSON.
type cursor struct {
	doc []byte
	at  int
}

// peek skips white space and returns the byte that follows.
func (c *cursor) peek() byte {
	for c.doc[c.at] == ' ' || c.doc[c.at] == '\t' || c.doc[c.at] == '\n' || c.doc[c.at] == '\r' {
		c.at++
	}
	return c.doc[c.at]
}

// object calls do for each field of the object that follows.
func (c *cursor) object(do func(name string, raw []byte) error) error {
	c.peek()
	c.at++
	for c.peek() != '}' {
		quoted := c.value()
		name := string(quoted[1 : len(quoted)-1])
		if strings.ContainsFunc(name, func(r rune) bool { return r == '\\' || r > '~' }) {
			if err := json.Unmarshal(quoted, &name); err != nil {
				return err
			}
		}
		c.peek()
		c.at++ // the colon
		if err := do(name, c.value()); err != nil {
			return err
		}
		if c.peek() == ',' {
			c.at++
		}
	}
	c.at++
	return nil
}

// value returns the bytes of the value that follows.
func (c *cursor) value() []byte {
	c.peek()
	start, depth := c.at, 0
	for c.at < len(c.doc) {
		switch b := c.doc[c.at]; b {
		case '"':
			for c.at++; c.doc[c.at] != '"'; c.at++ {
				if c.doc[c.at] == '\\' {
					c.at++
				}
			}
		case '{', '[':
			depth++
		case '}', ']', ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return c.doc[start:c.at] // the end of a number or word
			}
			if b == '}' || b == ']' {
				depth--
			}
		default:
			c.at++
			continue
		}
		c.at++
		if depth == 0 {
			return c.doc[start:c.at]
		}
	}
	return c.doc[start:c.at]
}
