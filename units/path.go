package units

import "strconv"

// step is one step from a value to one inside it: a key, or an index when key is empty and index set.
type step struct {
	key     string
	index   int
	isIndex bool
}

// path is the way from the document to a value.
type path []step

// String returns the path as people write it: ports[0].name, labels["a.b"].
func (p path) String() string {
	text := ""
	for _, s := range p {
		text = joinStep(text, s)
	}
	return text
}

func joinStep(base string, s step) string {
	switch {
	case s.isIndex:
		return base + "[" + strconv.Itoa(s.index) + "]"
	case !plainKey(s.key):
		return base + "[" + quoteKey(s.key) + "]"
	case base == "":
		return s.key
	}
	return base + "." + s.key
}

// plainKey reports whether a key can stand in a path as it is.
func plainKey(key string) bool {
	if key == "" || len(key) > labelLimit {
		return false
	}
	for i := range len(key) {
		if c := key[i]; !isLetter(c) && !isDigit(c) && c != '_' && c != '-' && c != '$' {
			return false
		}
	}
	return true
}

func keyed(base, key string) string     { return joinStep(base, step{key: key}) }
func indexed(base string, i int) string { return joinStep(base, step{index: i, isIndex: true}) }
func (p path) key(key string) path      { return append(p, step{key: key}) }
func (p path) index(i int) path         { return append(p, step{index: i, isIndex: true}) }
