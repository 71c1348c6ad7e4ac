package units

import "slices"

// gap is a field that is validated and has no behaviour yet, or one value of a field.
type gap struct {
	field string // keys joined by dots, without the indices of lists
	value string // empty: any
}

// notYet is what the rest of nsched does not do yet. To support a feature, remove its line here and do
// what it says.
var notYet = []gap{
	{field: "affinities"},
	{field: "batch"},
	{field: "checkRestart"},
	{field: "dns.provider", value: string(ProviderRFC2136)},
	{field: "healthChecks.command"},
	{field: "healthChecks.systemd"},
	{field: "neededBy"},
	{field: "parameterised"},
	{field: "periodic"},
	{field: "pool"},
	{field: "preStart"},
	{field: "preemption"},
	{field: "readiness"},
	{field: "resources.devices"},
	{field: "sandbox"},
	{field: "secrets"},
	{field: "spread"},
	{field: "state"},
	{field: "templates"},
	{field: "type", value: string(TypeBatch)},
	{field: "update"},
	{field: "volumes"},
}

// unsupported reports each leaf of the document that has no behaviour yet. Only what is present counts:
// a default never does.
func unsupported(root *value) Problems {
	var found Problems
	seek(root, "", "", &found)
	return found
}

func seek(v *value, field, path string, found *Problems) {
	gapHere := slices.ContainsFunc(notYet, func(g gap) bool {
		return g.field == field && (g.value == "" || v.kind == isText && v.text == g.value)
	})
	if gapHere {
		reportLeaves(v, path, found)
		return
	}
	for i := range v.members {
		m := &v.members[i]
		inner := m.key
		if field != "" {
			inner = field + "." + m.key
		}
		seek(&m.value, inner, keyed(path, m.key), found)
	}
	for i := range v.items {
		if v.items[i].kind == isObject {
			seek(&v.items[i], field, indexed(path, i), found)
		}
	}
}

// reportLeaves reports every field beneath v that holds no further fields.
func reportLeaves(v *value, path string, found *Problems) {
	nested := len(v.members) > 0
	for i := range v.members {
		reportLeaves(&v.members[i].value, keyed(path, v.members[i].key), found)
	}
	for i := range v.items {
		if v.items[i].kind == isObject {
			nested = true
			reportLeaves(&v.items[i], indexed(path, i), found)
		}
	}
	if !nested {
		*found = append(*found, Problem{Path: path, Message: "not supported yet"})
	}
}
