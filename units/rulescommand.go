package units

import (
	"maps"
	"slices"
	"strings"
)

// argumentLimit is the longest argument or "NAME=value" that execve takes (MAX_ARG_STRLEN less the
// final NUL), in bytes.
const argumentLimit = 131071

func (j *judge) commands() {
	j.command("command", j.app.Command)
	j.command("preStart", j.app.PreStart)
}

// command judges a command line at a path.
func (j *judge) command(at string, command []string) {
	for i, argument := range command {
		at := indexed(at, i)
		if !j.sound(at) {
			continue
		}
		if len(argument) > argumentLimit {
			j.report(at, "has %d bytes; the kernel takes %d", len(argument), argumentLimit)
		}
		used, ok := j.interpolated(at, argument)
		if i > 0 || !ok {
			continue
		}
		if problem := executableProblem(argument); problem != "" {
			j.report(at, "%s: %s", quote(argument), problem)
		}
		for _, variable := range used {
			if strings.HasPrefix(variable, "dir.") {
				j.report(at, "${%s} would lead out of the path", variable)
			}
		}
	}
}

func executableProblem(name string) string {
	if name == "" {
		return "the executable is missing; name it relative to the path, such as bin/hello"
	}
	if strings.ContainsAny(name, "\t\n") {
		return "an executable has no tab or newline"
	}
	if name[0] == '/' {
		return "it is absolute; name it relative to the path, such as bin/hello"
	}
	return relativeProblem(name)
}

// interpolated judges text with variables and returns their names.
func (j *judge) interpolated(at, text string) (used []string, ok bool) {
	used, err := Variables(text)
	if err != nil {
		j.report(at, "%s", err)
		return nil, false
	}
	ok = true
	refuse := func(format string, args ...any) {
		j.report(at, format, args...)
		ok = false
	}
	for _, variable := range used {
		port, isPort := strings.CutPrefix(variable, portVariable)
		switch {
		case isPort && j.sound("ports") && !j.hasPort(port):
			refuse("${%s}: the app has no port %s", variable, quote(port))
		case variable == variableState && !j.has("state"):
			refuse("${%s}: the app has no state; name a directory there", variable)
		case variable == variableCredentials && !j.has("secrets"):
			refuse("${%s}: the app has no secrets", variable)
		}
	}
	return used, ok
}

func (j *judge) port(name string) (Port, bool) {
	i := slices.IndexFunc(j.app.Ports, func(p Port) bool { return p.Name == name })
	if i < 0 {
		return Port{}, false
	}
	return j.app.Ports[i], true
}

func (j *judge) hasPort(name string) bool {
	_, ok := j.port(name)
	return ok
}

func (j *judge) environment() {
	for _, name := range slices.Sorted(maps.Keys(j.app.Env)) {
		at := keyed("env", name)
		if !j.sound(at) {
			continue
		}
		value := j.app.Env[name]
		if n := len(name) + 1 + len(value); n > argumentLimit {
			j.report(at, "has %d bytes with its name; the kernel takes %d", n, argumentLimit)
		}
		j.interpolated(at, value)
	}
}

// dispatch judges the keys of a parameterised app. They arrive in upper case.
func (j *judge) dispatch() {
	p := j.app.Parameterised
	if p == nil {
		return
	}
	seen := map[string]bool{}
	for _, keys := range []struct {
		field string
		keys  []string
	}{{"required", p.Required}, {"optional", p.Optional}} {
		for i, key := range keys.keys {
			variable := strings.ToUpper(key)
			if seen[variable] {
				j.report(indexed("parameterised."+keys.field, i), "%s arrives as NSCHED_META_%s, as one before it does", quote(key), variable)
			}
			seen[variable] = true
		}
	}
}
