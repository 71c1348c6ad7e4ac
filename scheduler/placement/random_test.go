package placement_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
)

func drawNode(t *rapid.T, i int) placement.Node {
	name := fmt.Sprintf("n%d", i)
	n := machine(name)
	c := &n.Record.Capacity
	c.CPUMilli = rapid.SampledFrom([]int64{0, 300, 1000, 2000}).Draw(t, name+" cpu")
	c.MemoryBytes = rapid.SampledFrom([]int64{256, 1024, 4096}).Draw(t, name+" memory") << 20
	c.DiskBytes = rapid.SampledFrom([]int64{0, 1}).Draw(t, name+" disk") << 30
	n.Record.Labels = rapid.SampledFrom([]map[string]string{nil, {"zone": "a"}, {"zone": "b"}}).Draw(t, name+" labels")
	n.Record.System = rapid.SampledFrom([]string{"x86_64-linux", "x86_64-linux", "aarch64-linux"}).Draw(t, name+" system")
	n.Record.Namespaces = rapid.SampledFrom([][]units.Namespace{nil, nil, {"prod"}, {"prod", "staging"}}).Draw(t, name+" namespaces")
	// Two dynamic ports are left, so that they run out.
	n.Record.ReservedPorts = rapid.SampledFrom([][]units.PortRange{nil, {{First: 20000, Last: 31997}}}).Draw(t, name+" reserved")
	if rapid.IntRange(0, 9).Draw(t, name+" problem") == 0 {
		n.Problem = units.Reason{Code: units.ReasonUndecodable}
	}
	n.Cordon = rapid.IntRange(0, 9).Draw(t, name+" cordon") == 0
	n.Drain = rapid.IntRange(0, 9).Draw(t, name+" drain") == 0
	n.Standing = drawStanding(t, name+" standing")
	drawTenure(t, &n)
	return n
}

// drawTenure draws when the node was where, around the time of newWorld.
func drawTenure(t *rapid.T, n *placement.Node) {
	name := string(n.Name)
	n.Tenure = rapid.Int64Range(0, 3).Draw(t, name+" tenure")
	switch n.Standing {
	case placement.Ready, placement.AgentDown:
		n.Alive, n.Tenure = true, max(1, n.Tenure)
	case placement.Unknown:
		n.Alive = rapid.Bool().Draw(t, name+" alive")
	default:
		n.LostAtMs = 1_000_000 - rapid.SampledFrom([]int64{0, 10_999, 11_000, 17_000, 20_000, 1_000_000}).Draw(t, name+" lost for")
		n.Confirmed = rapid.IntRange(0, 3).Draw(t, name+" confirmed") == 0
	}
}

func drawStanding(t *rapid.T, what string) placement.Standing {
	r, s := placement.Ready, placement.LostNode
	return rapid.SampledFrom([]placement.Standing{r, r, r, r, r, r, s, s, placement.AgentDown, placement.Frozen, placement.Unknown, placement.Forgotten}).Draw(t, what)
}

var appNames = []string{"prod/a", "prod/b", "staging/a"}

func drawApp(t *rapid.T, id string) units.App {
	a := service(id)
	if rapid.IntRange(0, 3).Draw(t, "system") == 0 {
		system(&a)
	}
	a.Priority = rapid.SampledFrom([]int{50, 60}).Draw(t, "priority")
	a.Resources.CPU = units.CPUMilli(rapid.SampledFrom([]int{100, 250, 900}).Draw(t, "cpu"))
	a.Resources.Memory = units.Bytes(rapid.SampledFrom([]int{64, 300, 1000}).Draw(t, "memory") << 20)
	a.Resources.Disk = units.Bytes(rapid.SampledFrom([]int{0, 0, 300}).Draw(t, "disk") << 20)
	if rapid.Bool().Draw(t, "checked") {
		checked(&a)
	}
	if rapid.IntRange(0, 3).Draw(t, "stopFirst") == 0 {
		stopFirst(&a)
	}
	if a.Type == units.TypeService && rapid.IntRange(0, 1).Draw(t, "singleton") == 0 {
		singleton(&a)
	} else if rapid.IntRange(0, 3).Draw(t, "bound") == 0 {
		onPartitionStop(&a)
	}
	stopTimeout(rapid.SampledFrom([]time.Duration{4 * time.Second, 10 * time.Second}).Draw(t, "stop"))(&a)
	lostAfter(rapid.SampledFrom([]time.Duration{0, 0, 20 * time.Second}).Draw(t, "lostAfter"))(&a)
	if rapid.Bool().Draw(t, "keepReplacement") {
		keepReplacement(&a)
	}
	a.Update.MaxParallel = rapid.IntRange(1, 2).Draw(t, "maxParallel")
	a.Algorithm = rapid.SampledFrom([]units.Algorithm{"", units.AlgorithmSpread}).Draw(t, "algorithm")
	switch rapid.IntRange(0, 5).Draw(t, "ports") {
	case 0:
		fixedPort(8080)(&a)
	case 1:
		ports(units.Port{Name: "a", Protocol: units.TCP}, units.Port{Name: "b", Port: 31998, Protocol: units.TCP})(&a)
	case 2:
		ports(units.Port{Name: "a", Protocol: units.TCP})(&a)
	}
	switch rapid.IntRange(0, 7).Draw(t, "constraint") {
	case 0:
		constrain("", units.OpDistinctHosts, "")(&a)
	case 1:
		constrain("labels.zone", units.OpDistinctProperty, "2")(&a)
	case 2:
		constrain("labels.zone", units.OpEqual, "a")(&a)
	case 3:
		constrain("node.name", units.OpNotEqual, "n0")(&a)
	}
	if rapid.IntRange(0, 5).Draw(t, "paths") == 0 {
		a.Path, a.Paths = "", map[string]units.StorePath{"x86_64-linux": "/nix/store/00000000000000000000000000000000-app"}
	}
	return a
}

var someStates = []units.State{
	"", units.StateFetching, units.StateRunning, units.StateHealthy, units.StateUnhealthy, units.StateStopping, units.StateStopped, units.StateFailed,
}

// drawWorld draws any snapshot, also such as no history leads to.
func drawWorld(t *rapid.T) *world {
	w := newWorld()
	if rapid.IntRange(0, 3).Draw(t, "restored") == 0 {
		w.Epoch = placement.Epoch{Since: rapid.Int64Range(1, 2).Draw(t, "epoch"), SeenMs: w.NowMs - rapid.SampledFrom([]int64{0, 15_000, 21_000}).Draw(t, "epoch seen")}
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "nodes") {
		w.Nodes = append(w.Nodes, drawNode(t, i))
	}
	for _, id := range appNames {
		for range rapid.IntRange(0, 2).Draw(t, id+" generations") {
			w.submit(rapid.IntRange(0, 4).Draw(t, id+" count"), drawApp(t, id))
		}
	}
	for i := range w.Apps {
		a := &w.Apps[i]
		a.Intent.Generation = units.Generation(rapid.IntRange(1, 3).Draw(t, "target"))
		a.Intent.Stopped = rapid.IntRange(0, 9).Draw(t, "stopped") == 0
		a.Intent.Paused = rapid.IntRange(0, 9).Draw(t, "paused") == 0
		a.NoIntent = rapid.IntRange(0, 9).Draw(t, "noIntent") == 0
		if rapid.Bool().Draw(t, "record") {
			a.Slots = append(a.Slots, placement.Slot{Slot: "0", Record: units.SlotRecord{
				Attempt: 5, Failures: rapid.IntRange(0, 2).Draw(t, "failures"), Generation: units.Generation(rapid.IntRange(0, 2).Draw(t, "failed")),
				NotBeforeMs: w.NowMs + rapid.Int64Range(-1, 1).Draw(t, "notBefore"), LastNode: "n0",
			}})
		}
	}
	for range rapid.IntRange(0, 10).Draw(t, "units") {
		drawUnit(t, w)
	}
	return w
}

func drawUnit(t *rapid.T, w *world) {
	slot := rapid.SampledFrom([]units.Slot{"0", "1", "2", "7", "n0", "n1"}).Draw(t, "slot")
	node := units.NodeName(fmt.Sprintf("n%d", rapid.IntRange(0, 5).Draw(t, "node")))
	app := units.AppID{Namespace: "prod", Name: "a"}
	if rapid.Bool().Draw(t, "other app") {
		app = units.AppID{Namespace: "staging", Name: "a"}
	}
	u := placement.Unit{Node: node, ID: units.UnitID{
		Namespace: app.Namespace, App: app.Name, Slot: slot,
		Generation: units.Generation(rapid.IntRange(1, 2).Draw(t, "generation")), Attempt: units.Attempt(rapid.IntRange(1, 4).Draw(t, "attempt")),
	}}
	if slices.ContainsFunc(w.Units, func(v placement.Unit) bool { return v.Node == u.Node && v.ID == u.ID }) {
		return
	}
	if rapid.IntRange(0, 9).Draw(t, "assigned") > 0 {
		u.CreateRev = w.next()
		u.ModRev = u.CreateRev
		u.Assignment.Desired = rapid.SampledFrom([]units.Desired{units.DesiredRun, units.DesiredRun, units.DesiredStop}).Draw(t, "desired")
		u.Assignment.Tenure = rapid.Int64Range(0, 3).Draw(t, "tenure")
	}
	u.Status.State = rapid.SampledFrom(someStates).Draw(t, "state")
	if u.Status.State != "" {
		u.StatusRev = w.next()
		u.Status.Assignment = u.CreateRev
		if rapid.IntRange(0, 9).Draw(t, "other assignment") == 0 {
			u.Status.Assignment--
		}
		u.Status.Tenure = rapid.Int64Range(0, 3).Draw(t, "told in")
		u.Status.Orphan = u.CreateRev == 0 && rapid.Bool().Draw(t, "orphan")
	}
	if u.CreateRev == 0 && u.StatusRev == 0 {
		return
	}
	if u.CreateRev != 0 && rapid.IntRange(0, 9).Draw(t, "problem") == 0 {
		u.Problem = units.Reason{Code: units.ReasonUndecodable}
	}
	w.Units = append(w.Units, u)
}

func TestEveryPlanObeysTheLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		o := placement.Plan(w.Snapshot, w.policy)
		checkPlan(t, w.Snapshot, o, w.policy)
		checkUnplaced(t, w, o)
	})
}

func TestPermutationChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		o := placement.Plan(w.Snapshot, w.policy)
		s := w.Clone()
		s.Nodes = rapid.Permutation(s.Nodes).Draw(t, "nodes")
		s.Apps = rapid.Permutation(s.Apps).Draw(t, "apps")
		s.Units = rapid.Permutation(s.Units).Draw(t, "units")
		checkSame(t, "another order", o, placement.Plan(s, w.policy))
	})
}

// TestAddedNodeStopsNothing: what is at its target and works is not touched because there is more room.
func TestAddedNodeStopsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		before := placement.Plan(w.Snapshot, w.policy)
		added := drawNode(t, 9)
		w.Nodes = append(w.Nodes, added)
		after := placement.Plan(w.Snapshot, w.policy)
		stops := func(o placement.Outcome) map[units.UnitID]bool {
			set := make(map[units.UnitID]bool)
			for _, a := range o.Actions {
				if a.Kind == placement.KindStop {
					set[a.Unit] = true
				}
			}
			return set
		}
		was := stops(before)
		for id := range stops(after) {
			if target := w.app(id.AppID()).Intent.Generation; id.Generation == target && !was[id] {
				t.Errorf("%s is stopped because of %s", id, added.Name)
			}
		}
	})
}

// checkUnplaced asserts that every node has its reason, and that the reasons are true: a stranger with
// the same wishes finds no place either in the cluster as the plan leaves it.
func checkUnplaced(t *rapid.T, w *world, o placement.Outcome) {
	registered := len(slices.DeleteFunc(slices.Clone(w.Nodes), func(n placement.Node) bool { return !n.Problem.IsZero() || n.Standing == placement.Forgotten }))
	silent := []string{units.ReasonBackoff, units.ReasonRestartLimit, units.ReasonPaused, units.ReasonLostWaiting, units.ReasonSingletonWaiting, placement.ReasonWaitsForStop}
	waits := slices.ContainsFunc(o.Unplaced, func(u placement.Unplaced) bool { return u.Reason.Code == placement.ReasonWaitsForStop })
	after := placement.Apply(w.Snapshot, o)
	for _, u := range o.Unplaced {
		id := units.UnitID{Namespace: u.App.Namespace, App: u.App.Name, Slot: u.Slot, Generation: u.Generation, Attempt: 1}
		doc, known := document(w.Snapshot, id)
		if !known || slices.Contains(silent, u.Reason.Code) || strings.HasSuffix(u.Reason.Message, "which is out of reach") {
			continue
		}
		counted, due := 0, registered
		for _, n := range u.Nodes {
			counted += n.Count
			if n.Reason.Code == "" || n.Reason.Message == "" {
				t.Errorf("%s:%s: %d nodes for no reason", u.App, u.Slot, n.Count)
			}
		}
		if doc.Type == units.TypeSystem && u.Slot != "" {
			constrain("node.name", units.OpEqual, string(u.Slot))(&doc)
			due = 1
		}
		if counted != due {
			t.Errorf("%s:%s: %d of %d nodes have a reason", u.App, u.Slot, counted, due)
		}
		distinct := func(c units.Constraint) bool {
			return c.Operator == units.OpDistinctHosts || c.Operator == units.OpDistinctProperty
		}
		if waits || slices.ContainsFunc(doc.Constraints, distinct) {
			continue // room is kept for somebody; what is near a stranger's own units is something else
		}
		stranger := &world{Snapshot: after.Clone(), policy: w.policy}
		doc.Name, doc.Type = "stranger", units.TypeService
		stranger.Apps = nil // nobody competes
		for _, a := range after.Apps {
			a.NoIntent = true
			stranger.Apps = append(stranger.Apps, a)
		}
		stranger.submit(1, doc)
		for _, a := range placement.Plan(stranger.Snapshot, w.policy).Actions {
			if a.Kind == placement.KindPlace {
				t.Errorf("%s:%s has no place because of %v, and a stranger has one on %s", u.App, u.Slot, u.Reason, a.Node)
			}
		}
	}
}
