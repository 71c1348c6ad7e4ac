package placement_test

import (
	"errors"
	"testing"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
)

func TestConstraints(t *testing.T) {
	node := machine("n1", label("zone", "b"), label("disks", "4"), label("load", "1.5"), label("version", "1.4.2"), label("empty", ""), func(n *placement.Node) {
		n.Record.Traits, n.Record.Pool = []units.Trait{"web", "server"}, "main"
	})
	for _, test := range []struct {
		attribute string
		operator  units.Comparison
		value     string
		want      bool
	}{
		{"node.name", "=", "n1", true},
		{"node.name", "=", "n2", false},
		{"node.name", "!=", "n1", false},
		{"node.name", "regexp", "^n[0-9]$", true},
		{"node.arch", "=", "x86_64", true},
		{"node.os", "=", "debian", true},
		{"node.os", "!=", "nixos", true},
		{"node.pool", "=", "main", true},
		{"node.kernel", "version", ">= 6.0, < 7", true},
		{"node.kernel", "version", ">= 6.2", false},
		{"node.kernel", "semver", ">= 6.0.0", true},
		{"node.traits", "set_contains", "web", true},
		{"node.traits", "set_contains", "web, server", true},
		{"node.traits", "set_contains", "web,gpu", false},
		{"node.traits", "set_contains_any", "gpu,web", true},
		{"node.traits", "set_contains_any", "gpu,arm", false},
		{"node.traits", "=", "server,web", true},
		{"labels.zone", "=", "b", true},
		{"labels.zone", ">", "a", true},
		{"labels.zone", "<", "a", false},
		{"labels.zone", "regexp", "b|c", true},
		{"labels.zone", "is_set", "", true},
		{"labels.zone", "is_not_set", "", false},
		{"labels.disks", ">=", "4", true},
		{"labels.disks", ">", "10", false}, // as numbers: as text 4 is above 10
		{"labels.disks", "<", "10", true},
		{"labels.disks", "<=", "3", false},
		{"labels.load", "<", "10.25", true},
		{"labels.version", "semver", ">= 1.4.0, < 2.0.0", true},
		{"labels.version", "version", "~> 1.3", true},
		{"labels.version", "version", "~> 1.4.3", false},
		{"labels.empty", "is_set", "", true},
		{"labels.rack", "is_set", "", false},
		{"labels.rack", "is_not_set", "", true},
		{"labels.rack", "!=", "a", true},
		{"labels.rack", "=", "", false},
		{"labels.rack", "<", "z", false},
		{"labels.rack", "regexp", ".*", false},
		{"labels.rack", "set_contains", "", false},
		{"labels.rack", "version", ">= 0", false},
		{"labels.rack", "distinct_property", "", false},
		{"labels.zone", "distinct_property", "3", true},
		{"", "distinct_hosts", "", true},
		{"", "distinct_hosts", "true", true},
	} {
		t.Run(test.attribute+" "+string(test.operator)+" "+test.value, func(t *testing.T) {
			spec := compile(service("default/web", constrain(test.attribute, test.operator, test.value)))
			if got, reason, _ := placement.Fits(spec, []placement.Node{node}); got != test.want {
				t.Errorf("fits is %v: %v", got, reason)
			}
		})
	}
}

func TestCompileNamesTheConstraintThatCannotBeRead(t *testing.T) {
	for _, c := range []units.Constraint{
		{Attribute: "labels.a", Operator: "regexp", Value: "("},
		{Attribute: "labels.a", Operator: "version", Value: "new"},
		{Attribute: "labels.a", Operator: "semver", Value: ">= 1"},
		{Attribute: "labels.a", Operator: "distinct_property", Value: "0"},
		{Operator: "distinct_hosts", Value: "perhaps"},
		{Attribute: "labels.a", Operator: "like", Value: "b"},
	} {
		app := service("default/web")
		app.Constraints = []units.Constraint{c}
		if _, err := placement.Compile(app); !errors.Is(err, units.ErrInvalid) {
			t.Errorf("%s %s: %v", c.Operator, c.Value, err)
		} else if got := err.Error(); len(got) < 40 || got[:37] != "place app default/web: constraints[0]" {
			t.Errorf("%s", got)
		}
	}
	batch := service("default/job", func(a *units.App) { a.Type = units.TypeBatch })
	if _, err := placement.Compile(batch); !errors.Is(err, units.ErrInvalid) {
		t.Errorf("a batch app: %v", err)
	}
}

func TestFitsAsksWhetherAnyNodeEverCould(t *testing.T) {
	for _, test := range []struct {
		name  string
		nodes []placement.Node
		app   units.App
		want  string
	}{
		{"a node that is full, cordoned and lost now", []placement.Node{machine("n1", standing(placement.LostNode), func(n *placement.Node) { n.Cordon, n.Drain = true, true })}, service("default/web"), ""},
		{"a port that a stranger has now", []placement.Node{machine("n1", func(n *placement.Node) { n.Busy = []placement.BusyPort{{units.TCP, 80}} })}, service("default/web", fixedPort(80)), ""},
		{"a port that the node keeps", []placement.Node{machine("n1", func(n *placement.Node) { n.Record.ReservedPorts = []units.PortRange{{First: 80, Last: 80}} })}, service("default/web", fixedPort(80)), "port-taken: 1 node: port 80/tcp (http) is taken or kept"},
		{"more memory than any node has", machines("n1", "n2"), service("default/web", memory(5<<30)), "insufficient-memory: 2 nodes: not enough memory: wants 5Gi, the best (n1) has 4Gi in all"},
		{"another system", machines("n1"), service("default/web", func(a *units.App) {
			a.Path, a.Paths = "", map[string]units.StorePath{"aarch64-linux": "/nix/store/00000000000000000000000000000000-app"}
		}), "wrong-arch: 1 node: there is a path for aarch64-linux, has x86_64-linux"},
		{"no node", nil, service("default/web"), "no-node: no node is registered"},
		{"a node whose registration cannot be read", []placement.Node{machine("n1", func(n *placement.Node) { n.Problem.Code = "undecodable" })}, service("default/web"), "no-node: no node is registered"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ok, reason, classes := placement.Fits(compile(test.app), test.nodes)
			if reason.String() != test.want || ok != (test.want == "") || ok && classes != nil {
				t.Errorf("fits is %v, %q", ok, reason)
			}
		})
	}
}
