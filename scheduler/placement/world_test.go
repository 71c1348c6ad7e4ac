package placement_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
)

// world is a snapshot that a test changes the way etcd and the nodes would.
type world struct {
	placement.Snapshot
	rev    int64
	policy placement.Policy
	rows   map[units.NodeName]int // see row
}

func newWorld(nodes ...placement.Node) *world {
	return &world{
		Snapshot: placement.Snapshot{NowMs: 1_000_000, Term: 7, Nodes: nodes},
		rev:      1000,
		policy:   placement.DefaultPolicy(),
	}
}

func (w *world) next() int64 { w.rev++; return w.rev }

// machine is a ready node with two CPUs, 4Gi of memory and 10Gi of disk.
func machine(name string, change ...func(*placement.Node)) placement.Node {
	n := placement.Node{
		Name: units.NodeName(name), Standing: placement.Ready, Tenure: 500,
		Record: units.Node{
			System: "x86_64-linux", OS: "debian", Kernel: "6.1.0-18-amd64", AppSchema: units.AppSchema,
			Capacity: units.Capacity{CPUMilli: 2000, MemoryBytes: 4 << 30, DiskBytes: 10 << 30},
		},
	}
	for _, c := range change {
		c(&n)
	}
	return n
}

func machines(names ...string) []placement.Node {
	var list []placement.Node
	for _, n := range names {
		list = append(list, machine(n))
	}
	return list
}

func label(key, value string) func(*placement.Node) {
	return func(n *placement.Node) {
		labels := map[string]string{key: value}
		for k, v := range n.Record.Labels {
			labels[k] = v
		}
		n.Record.Labels = labels
	}
}

func standing(s placement.Standing) func(*placement.Node) {
	return func(n *placement.Node) { n.Standing = s }
}

// service is an app as units.ParseApp makes it: 100m of CPU and 128Mi of memory.
func service(id string, change ...func(*units.App)) units.App {
	ns, name, _ := strings.Cut(id, "/")
	a := units.App{
		Schema: 1, Namespace: units.Namespace(ns), Name: units.AppName(name), Type: units.TypeService, Priority: 50,
		Path:       "/nix/store/00000000000000000000000000000000-app",
		Resources:  units.Resources{CPU: 100, Memory: 128 << 20, MemoryMax: 128 << 20},
		Update:     units.Update{MaxParallel: 1, Order: units.OrderSurge},
		Reschedule: units.Reschedule{Delay: 30 * time.Second, Function: units.DelayExponential, MaxDelay: time.Hour},
	}
	for _, c := range change {
		c(&a)
	}
	return a
}

func system(a *units.App) { a.Type = units.TypeSystem }
func checked(a *units.App) {
	a.HealthChecks.TCP = []units.TCPCheck{{Port: "http"}}
}
func keepReplacement(a *units.App) { a.Disconnect.Reconcile = units.KeepReplacement }

// singleton is one that takes no longer to stop than the budget.
func singleton(a *units.App) {
	a.Singleton, a.Update.Order, a.Stop.Timeout = true, units.OrderStopFirst, units.StopBudget
}
func onPartitionStop(a *units.App) { a.Disconnect.OnPartition = units.PartitionStop }
func lostAfter(d time.Duration) func(*units.App) {
	return func(a *units.App) { a.Disconnect.LostAfter = d }
}

func stopTimeout(d time.Duration) func(*units.App) {
	return func(a *units.App) { a.Stop.Timeout = d }
}
func stopFirst(a *units.App) { a.Update.Order = units.OrderStopFirst }
func memory(n int64) func(*units.App) {
	return func(a *units.App) { a.Resources.Memory = units.Bytes(n) }
}

func cpu(milli int64) func(*units.App) {
	return func(a *units.App) { a.Resources.CPU = units.CPUMilli(milli) }
}
func priority(p int) func(*units.App) { return func(a *units.App) { a.Priority = p } }
func fixedPort(n uint16) func(*units.App) {
	return ports(units.Port{Name: "http", Port: n, Protocol: units.TCP})
}

func ports(p ...units.Port) func(*units.App) {
	return func(a *units.App) { a.Ports = append(a.Ports, p...) }
}

func constrain(attribute string, operator units.Comparison, value string) func(*units.App) {
	return func(a *units.App) {
		a.Constraints = append(slices.Clone(a.Constraints), units.Constraint{Attribute: attribute, Operator: operator, Value: value})
	}
}

func compile(a units.App) *placement.Spec {
	spec, err := placement.Compile(a)
	if err != nil {
		panic(err)
	}
	documents[spec] = a
	return spec
}

// submit stores the next generation of an app and points the intent at it.
func (w *world) submit(count int, app units.App) {
	a := w.app(app.ID())
	g := units.Generation(len(a.Generations) + 1)
	a.Generations = append(a.Generations, placement.Generation{Number: g, Spec: compile(app)})
	a.Intent.Generation, a.Intent.Count = g, count
}

func (w *world) app(id units.AppID) *placement.App {
	i := slices.IndexFunc(w.Apps, func(a placement.App) bool { return a.ID == id })
	if i < 0 {
		i = len(w.Apps)
		w.Apps = append(w.Apps, placement.App{ID: id})
	}
	return &w.Apps[i]
}

func (w *world) node(name string) *placement.Node {
	return &w.Nodes[slices.IndexFunc(w.Nodes, func(n placement.Node) bool { return n.Name == units.NodeName(name) })]
}

// unit returns the unit whose text is given.
func (w *world) unit(t *testing.T, id string) *placement.Unit {
	t.Helper()
	for i := range w.Units {
		if w.Units[i].ID.String() == id {
			return &w.Units[i]
		}
	}
	t.Fatalf("there is no unit %s among %v", id, w.list())
	return nil
}

// list says each unit in one line.
func (w *world) list() []string {
	var lines []string
	for _, u := range w.Units {
		desired := "-"
		if u.CreateRev != 0 {
			desired = string(u.Assignment.Desired)
		}
		lines = append(lines, u.ID.String()+" "+desired+" "+string(u.Status.State))
	}
	slices.Sort(lines)
	return lines
}

// report has a node say a unit's state.
func (w *world) report(u *placement.Unit, state units.State, change ...func(*units.Status)) {
	u.Status.State, u.Status.Assignment, u.Status.Desired = state, u.CreateRev, u.Assignment.Desired
	for _, c := range change {
		c(&u.Status)
	}
	if i, known := w.row(u.Node); known {
		u.Status.Tenure = w.Nodes[i].Tenure
	}
	u.StatusRev = w.next()
}

// row is where a node is in the snapshot. It looks at none but that one, as long as none has come or gone.
func (w *world) row(name units.NodeName) (int, bool) {
	i, known := w.rows[name]
	if !known || i >= len(w.Nodes) || w.Nodes[i].Name != name {
		w.rows = make(map[units.NodeName]int, len(w.Nodes))
		for i, n := range w.Nodes {
			w.rows[n.Name] = i
		}
		i, known = w.rows[name]
	}
	return i, known
}

// lose has a node's lease end, and its loss recorded, now.
func (w *world) lose(name string) {
	n := w.node(name)
	n.Standing, n.Alive, n.LostAtMs = placement.LostNode, false, w.NowMs
}

// back has a lost node claim a new tenure.
func (w *world) back(name string) {
	n := w.node(name)
	n.Standing, n.Alive, n.Tenure, n.LostAtMs = placement.Ready, true, w.next(), 0
}

// wait lets time pass.
func (w *world) wait(d time.Duration) { w.NowMs += d.Milliseconds() }

// plan makes a plan, and writes it.
func (w *world) plan() placement.Outcome {
	o := placement.Plan(w.Snapshot, w.policy)
	w.Snapshot = placement.Apply(w.Snapshot, o)
	w.rev += int64(len(o.Actions))
	return o
}

// obey has every ready node do what it was told, at once.
func (w *world) obey() {
	kept := w.Units[:0]
	for _, u := range w.Units {
		n := w.node(string(u.Node))
		switch {
		case n.Standing != placement.Ready:
		case u.CreateRev == 0:
			continue // the node removes what it said about a unit that nobody wants any more
		case u.Status.State.Terminal() && u.Status.Assignment == u.CreateRev:
		case u.Assignment.Desired == units.DesiredStop:
			w.report(&u, units.StateStopped)
		default:
			w.report(&u, w.readyState(u.ID))
		}
		kept = append(kept, u)
	}
	w.Units = kept
}

func (w *world) readyState(id units.UnitID) units.State {
	for _, g := range w.app(id.AppID()).Generations {
		if g.Number == id.Generation && g.Spec.Ready(units.StateRunning) {
			return units.StateRunning
		}
	}
	return units.StateHealthy
}

// converge plans and obeys until nothing happens any more.
func (w *world) converge(t judge) placement.Outcome {
	t.Helper()
	for range 1000 {
		before := w.rev
		o := w.plan()
		if len(o.Actions) == 0 {
			w.obey()
			if o = w.plan(); len(o.Actions) == 0 {
				return o
			}
		}
		if w.rev == before {
			break
		}
		w.obey()
	}
	t.Fatalf("no end of plans")
	return placement.Outcome{}
}

// does says an outcome's actions: kind, unit, node, reason.
func does(o placement.Outcome) []string {
	var lines []string
	for _, a := range o.Actions {
		if a.Kind == placement.KindRollout {
			continue
		}
		lines = append(lines, strings.Join([]string{string(a.Kind), a.Unit.String(), string(a.Node), a.Reason.Code}, " "))
	}
	return lines
}

// where counts the units of each node that are assigned and not told to stop.
func (w *world) where() map[units.NodeName]int {
	counts := make(map[units.NodeName]int)
	for _, u := range w.Units {
		if u.CreateRev != 0 && u.Assignment.Desired == units.DesiredRun {
			counts[u.Node]++
		}
	}
	return counts
}

// why says an outcome's unplaced slots: slot and reason's code.
func why(o placement.Outcome) []string {
	var lines []string
	for _, u := range o.Unplaced {
		lines = append(lines, u.App.String()+":"+string(u.Slot)+" "+u.Reason.Code)
	}
	return lines
}
