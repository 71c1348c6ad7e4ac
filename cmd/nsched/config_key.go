package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// configKey is one key of a configuration file. Everything that is known of it stands here: reading,
// checking, config show and the documentation come from the table.
type configKey struct {
	name     string // section.key
	kind     keyKind
	fallback any    // of the kind's Go type; nil is its zero
	says     string // the default in words, where it depends on the machine
	doc      string
	// check says what is wrong with a value that is not empty; nil accepts all. Each entry of a list is
	// checked.
	check func(string) error
	flag  string // the command line flag that sets it, if there is one
}

// keyKind is what a key holds.
type keyKind int

const (
	kindText keyKind = iota // string
	kindList                // []string
	kindBool                // bool
)

func (k keyKind) String() string { return [...]string{"text", "list", "true or false"}[k] }

// variable returns the environment variable of a key: NSCHED_NIX_PUBLIC_KEYS for nix.publicKeys.
func (k configKey) variable() string {
	var b strings.Builder
	b.WriteString("NSCHED_")
	before := ' '
	for _, r := range k.name {
		switch {
		case r == '.':
			b.WriteByte('_')
		case unicode.IsUpper(r) && unicode.IsLower(before):
			b.WriteByte('_')
			b.WriteRune(r)
		default:
			b.WriteRune(unicode.ToUpper(r))
		}
		before = r
	}
	return b.String()
}

// zero returns the default.
func (k configKey) zero() any {
	switch {
	case k.fallback != nil:
		return k.fallback
	case k.kind == kindList:
		return []string{}
	case k.kind == kindBool:
		return false
	}
	return ""
}

// defaultText says the default to people.
func (k configKey) defaultText() string {
	if k.says != "" {
		return k.says
	}
	return valueText(k.zero())
}

func valueText(v any) string {
	switch v := v.(type) {
	case []string:
		return strings.Join(v, ",")
	default:
		return fmt.Sprint(v)
	}
}

// value turns what a file, a variable or a flag holds into the kind's Go type, and checks it. Text stands
// for a list with commas between, and for a truth value.
func (k configKey) value(raw any) (any, error) {
	v, err := k.convert(raw)
	if err != nil || k.check == nil {
		return v, err
	}
	entries, isList := v.([]string)
	if text, isText := v.(string); isText && text != "" {
		entries = []string{text}
	}
	for _, entry := range entries {
		if err := k.check(entry); err != nil {
			return nil, err
		}
		if isList && entry == "" {
			return nil, fmt.Errorf("an entry is empty")
		}
	}
	return v, nil
}

func (k configKey) convert(raw any) (any, error) {
	text, isText := raw.(string)
	switch k.kind {
	case kindText:
		if isText {
			return text, nil
		}
	case kindBool:
		if truth, ok := raw.(bool); ok {
			return truth, nil
		}
		if isText {
			if truth, err := strconv.ParseBool(text); err == nil {
				return truth, nil
			}
		}
	case kindList:
		if list, ok := raw.([]string); ok {
			return list, nil
		}
		if list, ok := raw.([]any); ok {
			return texts(list)
		}
		if isText {
			return splitList(text), nil
		}
	}
	return nil, fmt.Errorf("%s is due, not %s", k.kind, shown(raw))
}

func splitList(text string) []string {
	list := []string{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

func texts(list []any) ([]string, error) {
	out := make([]string, len(list))
	for i, entry := range list {
		text, ok := entry.(string)
		if !ok {
			return nil, fmt.Errorf("entry %d: text is due, not %s", i, shown(entry))
		}
		out[i] = text
	}
	return out, nil
}

func shown(raw any) string {
	switch v := raw.(type) {
	case nil:
		return "nothing"
	case map[string]any:
		return "a section"
	case []any:
		return "a list"
	case string:
		return strconv.Quote(v)
	default:
		return fmt.Sprint(v)
	}
}

// nearest returns the name that the person may have meant, empty if none is near.
func nearest(name string, names []string) string {
	best, bestDistance := "", max(2, len(name)/3)+1
	for _, candidate := range slices.Sorted(slices.Values(names)) {
		if strings.EqualFold(name, candidate) {
			return candidate
		}
		if d := distance(strings.ToLower(name), strings.ToLower(candidate)); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance counts the letters to insert, remove or replace to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
