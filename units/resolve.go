package units

import "bytes"

// PathField is a store path as a document has it, which may be a link such as ./result.
type PathField struct {
	Path       string // of the field: path, or paths.<system>
	Text       string
	start, end int // of its literal
}

// PathFields returns the paths of a document in the order in which they stand. It returns none of a
// document that cannot be scanned: ParseApp says why.
func PathFields(raw []byte) []PathField {
	root, _, ok := scan(raw)
	if !ok {
		return nil
	}
	var found []PathField
	add := func(path string, v *value) {
		if v.kind == isText && !v.reported {
			found = append(found, PathField{Path: path, Text: v.text, start: v.start, end: v.end})
		}
	}
	for i := range root.members {
		m := &root.members[i]
		switch m.key {
		case "path":
			add("path", &m.value)
		case "paths":
			for k := range m.value.members {
				add(keyed("paths", m.value.members[k].key), &m.value.members[k].value)
			}
		}
	}
	return found
}

// ResolvePaths replaces each path of a document that is not in the store by what resolve makes of it,
// and nothing else: every other byte stays. Text in the store is never resolved, whether it is a store
// path or not, and neither is empty text or text with control characters, which ParseApp refuses. The
// error is of type Problems, one for each path that resolve failed on.
func ResolvePaths(raw []byte, resolve func(text string) (StorePath, error)) ([]byte, error) {
	var out bytes.Buffer
	var problems Problems
	done := 0
	for _, f := range PathFields(raw) {
		if f.Text == "" || InStore(f.Text) || controlProblem(f.Text, false) != "" {
			continue
		}
		resolved, err := resolve(f.Text)
		if err != nil {
			problems = append(problems, Problem{Path: f.Path, Message: err.Error()})
			continue
		}
		out.Write(raw[done:f.start])
		encodeText(&out, string(resolved))
		done = f.end
	}
	if len(problems) > 0 {
		return nil, problems
	}
	out.Write(raw[done:])
	return out.Bytes(), nil
}
