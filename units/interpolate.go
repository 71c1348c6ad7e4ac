package units

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Vars is what the variables of a unit stand for. Whoever fills it in gives every field; a port that
// the app does not declare has no variable.
type Vars struct {
	Unit           UnitID
	Type           AppType
	Node           NodeName
	Address        string
	Ports          map[string]uint16
	StateDir       string
	RuntimeDir     string
	CredentialsDir string
}

// portVariable begins the variables of ports: ${port.NAME}.
const portVariable = "port."

// variables are all the others, in the order in which messages name them.
var variables = []struct {
	name  string
	value func(Vars) string
}{
	{"address", func(v Vars) string { return v.Address }},
	{"node.name", func(v Vars) string { return string(v.Node) }},
	{"unit.id", func(v Vars) string { return v.Unit.String() }},
	{"unit.index", func(v Vars) string { return v.Unit.Slot.Ordinal(v.Type) }},
	{"app.name", func(v Vars) string { return string(v.Unit.App) }},
	{"app.namespace", func(v Vars) string { return string(v.Unit.Namespace) }},
	{"app.generation", func(v Vars) string { return strconv.FormatInt(int64(v.Unit.Generation), 10) }},
	{variableState, func(v Vars) string { return v.StateDir }},
	{"dir.runtime", func(v Vars) string { return v.RuntimeDir }},
	{variableCredentials, func(v Vars) string { return v.CredentialsDir }},
}

const (
	variableState       = "dir.state"
	variableCredentials = "dir.credentials"
)

// segment is a piece of text: literal, or the name of a variable.
type segment struct {
	literal  string
	variable string
}

// segments splits text at its variables. A dollar sign is written twice; any other that begins no
// variable is refused, since nobody can tell what it was to be.
func segments(text string) ([]segment, error) {
	var out []segment
	for {
		before, after, found := strings.Cut(text, "$")
		if before != "" {
			out = append(out, segment{literal: before})
		}
		if !found {
			return out, nil
		}
		switch {
		case strings.HasPrefix(after, "$"):
			out = append(out, segment{literal: "$"})
			text = after[1:]
		case strings.HasPrefix(after, "{") && strings.Contains(after, "}"):
			name, rest, _ := strings.Cut(after[1:], "}")
			if !knownVariable(name) {
				return nil, fmt.Errorf("%s is %w; there are %s", quote("${"+name+"}"), ErrVariable, variableNames())
			}
			out = append(out, segment{variable: name})
			text = rest
		default:
			return nil, fmt.Errorf("a lone $ is %w; write $$ for a dollar sign", ErrVariable)
		}
	}
}

func knownVariable(name string) bool {
	if port, isPort := strings.CutPrefix(name, portVariable); isPort {
		return labelProblem(port) == ""
	}
	for _, v := range variables {
		if v.name == name {
			return true
		}
	}
	return false
}

func variableNames() string {
	names := []string{"${port.NAME}"}
	for _, v := range variables {
		names = append(names, "${"+v.name+"}")
	}
	return list(names)
}

// Variables returns the names of the variables in text, each once, in order of their first use. The
// error wraps ErrVariable.
func Variables(text string) ([]string, error) {
	parts, err := segments(text)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range parts {
		if s.variable != "" && !slices.Contains(names, s.variable) {
			names = append(names, s.variable)
		}
	}
	return names, nil
}

// Expand fills in the variables of an argument, an environment variable's value or a check's field. It
// cannot fail for text of an App that ParseApp returned, if vars has every port of that app. The error
// wraps ErrVariable.
func Expand(text string, vars Vars) (string, error) {
	parts, err := segments(text)
	if err != nil {
		return "", fmt.Errorf("expand %s: %w", quote(text), err)
	}
	var b strings.Builder
	for _, s := range parts {
		if s.variable == "" {
			b.WriteString(s.literal)
			continue
		}
		value, ok := vars.value(s.variable)
		if !ok {
			return "", fmt.Errorf("expand %s: ${%s} is %w here: no such port was given", quote(text), s.variable, ErrVariable)
		}
		b.WriteString(value)
	}
	return b.String(), nil
}

func (v Vars) value(name string) (string, bool) {
	if port, isPort := strings.CutPrefix(name, portVariable); isPort {
		n, ok := v.Ports[port]
		return strconv.Itoa(int(n)), ok
	}
	for _, known := range variables {
		if known.name == name {
			return known.value(v), true
		}
	}
	return "", false
}
