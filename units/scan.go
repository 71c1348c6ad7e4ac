package units

import (
	"bytes"
	"fmt"
)

// The limits on a document, which keep every later step linear and shallow.
const (
	DocumentLimit = 1 << 20 // bytes
	nestingLimit  = 32      // objects and lists inside each other, the document being the first
)

// scanner walks a document's bytes. The standard decoder is too generous for a file that is kept for
// years and read by several versions: it takes duplicate and case-variant keys and mends bad text
// silently. Whatever leaves the structure in no doubt is reported and scanning goes on, so that a person
// sees all problems at once; a syntax error ends it.
type scanner struct {
	raw      []byte
	pos      int
	path     path
	problems Problems
}

// scan returns the document's value; ok is false when there is none to speak of.
func scan(raw []byte) (root value, problems Problems, ok bool) {
	s := &scanner{raw: raw}
	switch {
	case len(raw) > DocumentLimit:
		s.report("the document has %d bytes; at most 1 MiB (1048576) is read", len(raw))
		return value{}, s.problems, false
	case bytes.HasPrefix(raw, []byte("\xef\xbb\xbf")):
		s.report("the document begins with a byte order mark; remove it")
		s.pos = 3
	}
	s.space()
	if s.pos == len(raw) {
		s.report("the document is empty")
		return value{}, s.problems, false
	}
	root, ok = s.value()
	if !ok {
		return value{}, s.problems, false
	}
	s.space()
	if s.pos < len(raw) {
		s.path = nil
		s.report("%s: something follows the document; a file holds one", s.place(s.pos))
	}
	return root, s.problems, true
}

func (s *scanner) report(format string, args ...any) {
	s.problems = append(s.problems, Problem{Path: s.path.String(), Message: fmt.Sprintf(format, args...)})
}

// fail reports a syntax error, after which nothing can be told.
func (s *scanner) fail(format string, args ...any) (value, bool) {
	s.report("%s: %s", s.place(s.pos), fmt.Sprintf(format, args...))
	return value{}, false
}

// place says where an offset is, in lines and bytes from 1.
func (s *scanner) place(pos int) string {
	before := s.raw[:min(pos, len(s.raw))]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Sprintf("line %d, column %d", line, column)
}

func (s *scanner) space() {
	for s.pos < len(s.raw) {
		switch s.raw[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// next returns the byte at the position, 0 at the end.
func (s *scanner) next() byte {
	if s.pos >= len(s.raw) {
		return 0
	}
	return s.raw[s.pos]
}

// found describes what stands at the position.
func (s *scanner) found() string {
	if s.pos >= len(s.raw) {
		return "the end of the document"
	}
	return quote(string(s.raw[s.pos : s.pos+1]))
}

func (s *scanner) value() (value, bool) {
	start := s.pos
	var v value
	ok := true
	switch c := s.next(); {
	case c == '{':
		v, ok = s.nested(s.object)
	case c == '[':
		v, ok = s.nested(s.list)
	case c == '"':
		v, ok = s.text()
	case c == '-' || c == '+' || c == '.' || isDigit(c):
		v = s.number()
	case isLetter(c):
		v, ok = s.word()
	default:
		return s.fail("a value is due, not %s", s.found())
	}
	v.start, v.end = start, s.pos
	return v, ok
}

func (s *scanner) nested(read func() (value, bool)) (value, bool) {
	if len(s.path) >= nestingLimit {
		return s.fail("nested more than %d deep", nestingLimit)
	}
	s.pos++
	return read()
}

func (s *scanner) object() (value, bool) {
	v := value{kind: isObject}
	seen := map[string]bool{}
	for first := true; ; first = false {
		s.space()
		if first && s.next() == '}' {
			s.pos++
			return v, true
		}
		if s.next() != '"' {
			return s.fail("a key in double quotes is due, not %s", s.found())
		}
		key, ok := s.text()
		if !ok {
			return value{}, false
		}
		s.path = s.path.key(key.text)
		if !key.reported && controlProblem(key.text, false) != "" {
			s.report("the key has a control character")
		}
		if s.space(); s.next() != ':' {
			return s.fail("a colon is due after the key, not %s", s.found())
		}
		s.pos++
		s.space()
		item, ok := s.value()
		if !ok {
			return value{}, false
		}
		if seen[key.text] {
			s.report("duplicate key; it stands in the same object before")
		} else {
			v.members = append(v.members, member{key: key.text, value: item})
		}
		seen[key.text] = true
		s.path = s.path[:len(s.path)-1]
		if done, ok := s.separator('}'); done || !ok {
			return v, ok
		}
	}
}

func (s *scanner) list() (value, bool) {
	v := value{kind: isList}
	for i := 0; ; i++ {
		s.space()
		if i == 0 && s.next() == ']' {
			s.pos++
			return v, true
		}
		s.path = s.path.index(i)
		item, ok := s.value()
		if !ok {
			return value{}, false
		}
		v.items = append(v.items, item)
		s.path = s.path[:len(s.path)-1]
		if done, ok := s.separator(']'); done || !ok {
			return v, ok
		}
	}
}

// separator reads the comma before another element, or the bracket that ends them.
func (s *scanner) separator(closing byte) (done, ok bool) {
	s.space()
	switch s.next() {
	case ',':
		s.pos++
		s.space()
		if s.next() == closing {
			s.fail("nothing follows the comma; remove it")
			return false, false
		}
		return false, true
	case closing:
		s.pos++
		return true, true
	}
	s.fail("a comma or %q is due, not %s", closing, s.found())
	return false, false
}
