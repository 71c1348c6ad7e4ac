package units_test

import (
	"strings"
	"testing"

	"github.com/nsched/nsched/units"
)

// A unit with a longer name was accepted, and failed on its node with "resources" once systemd made its
// private /tmp, which is named after it.
func TestEveryUnitOfAValidAppHasANameThatSystemdCanRun(t *testing.T) {
	const longest = 199 // see systemd.NameLimit
	label := func(n int) string { return strings.Repeat("a", n) }
	for name, c := range map[string]struct {
		app, namespace int
		kind           string
		slot           string
	}{
		"a service with the longest names":         {63, 63, "service", "99999"},
		"a batch app with the longest names":       {63, 63, "batch", "1893456000000-99999"},
		"a system app on the longest node's names": {36, 63, "system", label(63)},
	} {
		t.Run(name, func(t *testing.T) {
			document := `{"name":"` + label(c.app) + `","namespace":"` + label(c.namespace) + `","type":"` + c.kind + `",` +
				`"path":"` + somePath + `","command":["bin/a"]}`
			if read := units.ReadApp([]byte(document)); read.Problems.Err() != nil {
				t.Fatal(read.Problems)
			}
			id := units.UnitID{
				Namespace: units.Namespace(label(c.namespace)), App: units.AppName(label(c.app)), Slot: units.Slot(c.slot),
				Generation: 999_999_999, Attempt: 999_999_999,
			}
			if n := len(id.ServiceName()); n > longest {
				t.Errorf("%d bytes", n)
			}
		})
	}
}
