package units

import (
	"maps"
	"slices"
	"strings"
)

func (j *judge) checks() {
	checks := j.app.HealthChecks
	for i, c := range checks.HTTP {
		if at := indexed("healthChecks.http", i); j.sound(at) {
			j.httpCheck(at, c)
		}
	}
	for i, c := range checks.TCP {
		if at := indexed("healthChecks.tcp", i); j.sound(at) {
			j.checkPort(at+".port", c.Port)
		}
	}
	names := map[string]bool{}
	for i, c := range checks.Command {
		at := indexed("healthChecks.command", i)
		if c.Name != "" && names[c.Name] {
			j.report(at+".name", "%s is taken by a check before it", quote(c.Name))
		}
		names[c.Name] = true
		j.command(at+".command", c.Command)
	}
}

func (j *judge) checkPort(at, name string) {
	if !j.sound("ports") {
		return
	}
	port, ok := j.port(name)
	switch {
	case !ok:
		j.report(at, "the app has no port %s", quote(name))
	case port.Protocol != TCP:
		j.report(at, "port %s is %s; this check needs tcp", quote(name), port.Protocol)
	}
}

func (j *judge) httpCheck(at string, c HTTPCheck) {
	switch {
	case c.Port != "" && c.URL != "":
		j.report(at+".url", "stands beside port; give one of them")
	case c.Port == "" && c.URL == "":
		j.report(at+".port", "is missing; name a port, or give a url")
	case c.Port != "":
		j.checkPort(at+".port", c.Port)
	case c.Path != "":
		j.report(at+".path", "stands beside url; put it into the url")
	}
	if c.URL != "" {
		if sample, ok := j.sample(at+".url", c.URL); ok {
			if problem := checkURLProblem(sample); problem != "" {
				j.report(at+".url", "%s: %s", quote(c.URL), problem)
			}
		}
	}
	if c.Path != "" {
		if sample, ok := j.sample(at+".path", c.Path); ok {
			if problem := checkPathProblem(sample); problem != "" {
				j.report(at+".path", "%s: %s", quote(c.Path), problem)
			}
		}
	}
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		at := keyed(at+".headers", name)
		if lower := strings.ToLower(name); seen[lower] {
			j.report(at, "the header stands there in another case")
		} else {
			seen[lower] = true
		}
		j.interpolated(at, c.Headers[name])
	}
}

// sample fills in plausible values, so that what is left can be judged as a URL.
func (j *judge) sample(at, text string) (string, bool) {
	if _, ok := j.interpolated(at, text); !ok {
		return "", false
	}
	parts, err := segments(text)
	if err != nil {
		return "", false
	}
	var b strings.Builder
	for _, s := range parts {
		switch {
		case s.variable == "":
			b.WriteString(s.literal)
		default:
			b.WriteString("1") // a host, a port and a part of a path alike
		}
	}
	return b.String(), true
}

func checkURLProblem(url string) string {
	rest, found := strings.CutPrefix(url, "http://")
	if !found {
		rest, found = strings.CutPrefix(url, "https://")
	}
	if !found {
		return "write it with http:// or https://"
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	host := rest[:end]
	if strings.Contains(host, "@") {
		return "put credentials into headers"
	}
	if strings.Contains(rest, "#") {
		return "a fragment is never sent; remove what begins with #"
	}
	bracketed := strings.HasPrefix(host, "[")
	if inner, after, closed := strings.Cut(host, "]"); bracketed && closed && len(inner) > 1 {
		host = "v6" + after
	}
	name, port, hasPort := strings.Cut(host, ":")
	if n, ok := portNumber(port); name == "" || hasPort && (!ok || n == 0) || strings.ContainsAny(name, "[]") {
		return "its host and port are not HOST or HOST:PORT"
	}
	return urlTextProblem(strings.NewReplacer("[", "", "]", "").Replace(rest))
}

// portNumber reads 0 to 65535.
func portNumber(text string) (int, bool) {
	n := 0
	for i := range len(text) {
		if !isDigit(text[i]) || i > 4 {
			return 0, false
		}
		n = 10*n + int(text[i]-'0')
	}
	return n, text != "" && n <= 65535
}

func checkPathProblem(path string) string {
	if path[0] != '/' {
		return "begin it with /"
	}
	if strings.Contains(path, "#") {
		return "a fragment is never sent; remove what begins with #"
	}
	return urlTextProblem(path)
}
