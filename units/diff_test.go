package units_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/units"
)

func TestSameComparesWhatIsMeant(t *testing.T) {
	plain := mustParse(t, document(t, nil))
	for _, c := range []struct {
		name    string
		replace map[string]string
		want    bool
	}{
		{"nothing changed", nil, true},
		{"a default written out", map[string]string{"namespace": `"default"`, "resources": `{"cpu":"0.1","memory":"134217728"}`, "preemption": "true"}, true},
		{"another count", map[string]string{"count": "5"}, true},
		{"a schema's place", map[string]string{"$schema": `"x"`}, true},
		{"an empty list", map[string]string{"ports": "[]", "env": "{}"}, true},
		{"an argument", map[string]string{"command": `["bin/hello",""]`}, false},
		{"an empty variable", map[string]string{"env": `{"A":""}`}, false},
		{"an owner", map[string]string{"owner": `"x"`}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			other := mustParse(t, document(t, c.replace))
			if got := units.Same(plain, other); got != c.want {
				t.Fatalf("Same = %v\n%s\n%s", got, plain.Canonical(), other.Canonical())
			}
			if changes := units.Diff(plain, other); (len(changes) == 0) != c.want {
				t.Fatalf("Diff = %v", changes)
			}
		})
	}
}

func TestDiffNamesFieldsInTheirOrder(t *testing.T) {
	from := mustParse(t, document(t, map[string]string{
		"count": "1", "owner": `"a"`, "env": `{"A":"1","B":"2","D":"4"}`, "ports": `[{"name":"http"},{"name":"old","port":8080}]`, "dns": `[{"name":"a.example.org"}]`,
	}))
	to := mustParse(t, document(t, map[string]string{
		"count": "2", "env": `{"B":"3","C":"","D":"4"}`, "ports": `[{"name":"web"}]`, "resources": `{"memory":"1Gi"}`, "type": `"batch"`, "parameterised": `{}`,
	}))
	want := []units.Change{
		{Path: "owner", Old: `"a"`},
		{Path: "type", Old: `"service"`, New: `"batch"`},
		{Path: "env.A", Old: `"1"`},
		{Path: "env.B", Old: `"2"`, New: `"3"`},
		{Path: "env.C", New: `""`},
		{Path: "resources.memory", Old: `"128Mi"`, New: `"1Gi"`},
		{Path: "resources.memoryMax", Old: `"128Mi"`, New: `"1Gi"`},
		{Path: "ports[0].name", Old: `"http"`, New: `"web"`},
		{Path: "ports[1].name", Old: `"old"`},
		{Path: "ports[1].port", Old: `8080`},
		{Path: "ports[1].protocol", Old: `"tcp"`},
		{Path: "batch.retries", New: `0`},
		{Path: "parameterised", New: `{}`},
		{Path: "dns[0].name", Old: `"a.example.org"`},
		{Path: "dns[0].type", Old: `"A"`},
		{Path: "dns[0].ttl", Old: `60`},
		{Path: "dns[0].provider", Old: `"coredns"`},
		{Path: "dns[0].proxied", Old: `false`},
		{Path: "dns[0].perUnit", Old: `false`},
	}
	if diff := cmp.Diff(want, units.Diff(from, to)); diff != "" {
		t.Fatal(diff)
	}
}
