package units_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/units"
)

var someVars = units.Vars{
	Unit: units.UnitID{Namespace: "prod", App: "hello", Slot: "7", Generation: 3, Attempt: 2}, Type: units.TypeService,
	Node: "node-1", Address: "10.0.0.1", Ports: map[string]uint16{"http": 20001},
	StateDir: "/var/lib/s", RuntimeDir: "/run/r", CredentialsDir: "/run/c",
}

func TestExpand(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"plain % ; \t\n text":          "plain % ; \t\n text",
		"$$":                           "$",
		"$$$$":                         "$$",
		"$${port.http}":                "${port.http}",
		"${port.http}":                 "20001",
		"$$${port.http}$$":             "$20001$",
		"${address}:${port.http}":      "10.0.0.1:20001",
		"${node.name}":                 "node-1",
		"${unit.id}":                   "prod.hello.7.3.2",
		"${unit.index}":                "7",
		"${app.namespace}/${app.name}": "prod/hello",
		"${app.generation}":            "3",
		"${dir.state}":                 "/var/lib/s",
		"${dir.runtime}":               "/run/r",
		"${dir.credentials}":           "/run/c",
		"{address}":                    "{address}",
	} {
		if got, err := units.Expand(text, someVars); err != nil || got != want {
			t.Errorf("Expand(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestExpandRefusesWhatBeginsNoVariable(t *testing.T) {
	for _, text := range []string{
		"$", "a$", "$a", "$$$", "$(x)", "${}", "${", "${address", "${ address }", "${ADDRESS}", "${port.}", "${port.HTTP}", "${port.a.b}",
		"${port}", "${${address}}", "${unit}", "${node.arch}", "${port.nosuch}",
	} {
		if got, err := units.Expand(text, someVars); !errors.Is(err, units.ErrVariable) {
			t.Errorf("Expand(%q) = %q, %v", text, got, err)
		}
	}
}

func TestValuesAreNotExpandedAgain(t *testing.T) {
	vars := someVars
	vars.Address = "${node.name}$"
	if got, err := units.Expand("${address}", vars); err != nil || got != "${node.name}$" {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestVariablesAreNamedOnceInOrder(t *testing.T) {
	got, err := units.Variables("${port.b} $$ ${address} ${port.b} ${port.a}")
	if diff := cmp.Diff([]string{"port.b", "address", "port.a"}, got); err != nil || diff != "" {
		t.Fatal(err, diff)
	}
}
