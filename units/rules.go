package units

import "fmt"

// judge applies the rules that concern more than one value. It leaves alone what did not read well, so
// that one mistake is reported once.
type judge struct {
	app      *App
	root     *value
	unsound  map[string]bool // paths at or beneath which something is wrong
	problems Problems
}

func newJudge(app *App, root *value, before Problems) *judge {
	j := &judge{app: app, root: root, unsound: map[string]bool{}}
	for _, p := range before {
		for i := range len(p.Path) {
			if p.Path[i] == '.' || p.Path[i] == '[' {
				j.unsound[p.Path[:i]] = true
			}
		}
		j.unsound[p.Path] = true
	}
	return j
}

// sound reports whether all the paths have read well.
func (j *judge) sound(paths ...string) bool {
	for _, p := range paths {
		if j.unsound[p] {
			return false
		}
	}
	return true
}

// has reports whether the document has the field.
func (j *judge) has(field string) bool {
	_, ok := j.root.at(field)
	return ok
}

func (j *judge) report(path, format string, args ...any) {
	j.problems = append(j.problems, Problem{Path: path, Message: fmt.Sprintf(format, args...)})
}

func (j *judge) rules() {
	j.names()
	j.paths()
	j.types()
	j.singleton()
	j.commands()
	j.environment()
	j.resources()
	j.ports()
	j.constraints()
	j.affinities()
	j.spreads()
	j.checks()
	j.deadlines()
	j.records()
	j.files()
	j.dispatch()
}

// names bounds what systemd's names are made of, so that every unit of the app can be run.
func (j *judge) names() {
	a := j.app
	if !j.sound("name", "namespace", "type") {
		return
	}
	if n, most := len(SliceName(a.Namespace)), sliceNameLimit; n > most {
		j.report("namespace", "has too many dashes: systemd's name of its slice, in which a dash takes 4 bytes, has %d bytes, and %d are allowed", n, most)
	}
	if n := len(a.Namespace) + len(a.Name); a.Type == TypeSystem && n > systemNameLimit {
		j.report("name", "has %d characters together with the namespace; a system app may have %d, for the node's name goes into the name of its unit as well", n, systemNameLimit)
	}
}

func (j *judge) paths() {
	switch {
	case j.has("path") && j.has("paths"):
		j.report("paths", "stands beside path; give one of them")
	case !j.has("path") && !j.has("paths"):
		j.report("path", "is missing; give the store path to run, or paths by system")
	}
}

func (j *judge) types() {
	if !j.sound("type") {
		return
	}
	a := j.app
	if a.Type == TypeSystem && j.has("count") {
		j.report("count", "a system app has no count: it has one unit on every fitting node")
	}
	if a.Type != TypeSystem && j.has("neededBy") {
		j.report("neededBy", "is for type system alone")
	}
	for _, field := range []string{"batch", "periodic", "parameterised"} {
		if a.Type != TypeBatch && j.has(field) {
			j.report(field, "is for type batch alone")
		}
	}
	if j.has("periodic") && j.has("parameterised") {
		j.report("parameterised", "stands beside periodic; an app is launched by one of them")
	}
}

func (j *judge) singleton() {
	a := j.app
	if !a.Singleton {
		return
	}
	if a.Type != TypeService && j.sound("type") {
		j.report("singleton", "is for type service alone")
	}
	if a.Count != nil && *a.Count != 1 {
		j.report("count", "a singleton has a count of 1")
	}
	if a.Update.Order == OrderSurge && j.sound("update") {
		j.report("update.order", "a singleton stops before it starts again: stopFirst")
	}
	if a.Update.Canary > 0 {
		j.report("update.canary", "a singleton has no canary, which would be a second unit")
	}
}

func (j *judge) resources() {
	r := j.app.Resources
	if j.sound("resources.cpu", "resources.cpuMax") && r.CPUMax != 0 && r.CPUMax < r.CPU {
		j.report("resources.cpuMax", "%s is less than cpu, which is %s", r.CPUMax, r.CPU)
	}
	if j.sound("resources.memory", "resources.memoryMax") && r.MemoryMax < r.Memory {
		j.report("resources.memoryMax", "%s is less than memory, which is %s", r.MemoryMax, r.Memory)
	}
}

func (j *judge) ports() {
	a := j.app
	names := map[string]bool{}
	numbers := map[Port]string{}
	for i, p := range a.Ports {
		at := indexed("ports", i)
		if p.Name != "" && names[p.Name] {
			j.report(at+".name", "%s is taken by a port before it", quote(p.Name))
		}
		names[p.Name] = true
		if p.Port == 0 || !j.sound(at) {
			continue
		}
		key := Port{Port: p.Port, Protocol: p.Protocol}
		if before, taken := numbers[key]; taken {
			j.report(at+".port", "%d/%s is taken by port %s", p.Port, p.Protocol, quote(before))
		}
		numbers[key] = p.Name
		if p.Port < lowPortLimit && !a.Sandbox.BindLowPorts && j.sound("sandbox") {
			j.report(at+".port", "%d is below 1024; that needs sandbox.bindLowPorts", p.Port)
		}
	}
	if !a.Sandbox.Network && len(a.Ports) > 0 {
		j.report("sandbox.network", "is false, and the app has ports")
	}
}

func (j *judge) deadlines() {
	u := j.app.Update
	switch {
	case !j.sound("update"):
	case u.MinHealthyTime >= u.HealthyDeadline:
		j.report("update.healthyDeadline", "%s is not more than minHealthyTime, which is %s",
			formatDuration(u.HealthyDeadline), formatDuration(u.MinHealthyTime))
	case u.HealthyDeadline > u.ProgressDeadline:
		j.report("update.progressDeadline", "%s is less than healthyDeadline, which is %s",
			formatDuration(u.ProgressDeadline), formatDuration(u.HealthyDeadline))
	}
	if u.AutoPromote && u.Canary == 0 && j.sound("update") {
		j.report("update.autoPromote", "promotes canaries, and canary is 0")
	}
	r := j.app.Reschedule
	if j.sound("reschedule") && r.MaxDelay < r.Delay {
		j.report("reschedule.maxDelay", "%s is less than delay, which is %s", formatDuration(r.MaxDelay), formatDuration(r.Delay))
	}
}
