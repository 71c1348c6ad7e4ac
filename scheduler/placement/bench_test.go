package placement_test

import (
	"fmt"
	"testing"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
)

// bench has a cluster of nodes of ten classes and apps of a hundred units each.
func bench(nodes, perApp, apps int) *world {
	w := newWorld()
	for i := range nodes {
		w.Nodes = append(w.Nodes, machine(fmt.Sprintf("node-%d", i), label("zone", fmt.Sprintf("z%d", i%10)), func(n *placement.Node) {
			n.Record.Capacity = units.Capacity{CPUMilli: 64_000, MemoryBytes: 256 << 30, DiskBytes: 1 << 40}
			n.Record.ReservedPorts = []units.PortRange{{First: 32768, Last: 60999}}
		}))
	}
	for i := range apps {
		w.submit(perApp, service(fmt.Sprintf("default/app-%d", i), ports(units.Port{Name: "http", Protocol: units.TCP}),
			constrain("labels.zone", units.OpNotEqual, fmt.Sprintf("z%d", i%10))))
	}
	return w
}

var benchSizes = []struct{ nodes, apps int }{{100, 10}, {1000, 100}, {10_000, 1000}}

const perApp = 100

func size(nodes, units int) string { return fmt.Sprintf("nodes=%d/units=%d", nodes, units) }

// BenchmarkPlanAtRest is a full pass over a cluster in which nothing is to be done.
func BenchmarkPlanAtRest(b *testing.B) {
	for _, s := range benchSizes {
		b.Run(size(s.nodes, s.apps*perApp), func(b *testing.B) {
			w := bench(s.nodes, perApp, s.apps)
			w.plan()
			for i := range w.Units {
				w.report(&w.Units[i], units.StateRunning)
			}
			w.plan()
			state := placement.NewState(w.Snapshot)
			b.ResetTimer()
			for b.Loop() {
				if o := state.Plan(w.NowMs, w.Term, w.policy); len(o.Actions) != 0 {
					b.Fatal(o.Actions[0])
				}
			}
		})
	}
}

// BenchmarkPlaceApp places one app of a hundred units.
func BenchmarkPlaceApp(b *testing.B) {
	for _, nodes := range []int{100, 1000, 10_000} {
		b.Run(size(nodes, perApp), func(b *testing.B) {
			w := bench(nodes, perApp, 1)
			state := placement.NewState(w.Snapshot)
			b.ResetTimer()
			for b.Loop() {
				if o := state.Plan(w.NowMs, w.Term, w.policy); len(o.Unplaced) != 0 {
					b.Fatal(o.Unplaced[0])
				}
			}
			b.ReportMetric(float64(b.N)*perApp/b.Elapsed().Seconds(), "placements/s")
		})
	}
}

// BenchmarkNewState makes a State from a snapshot, as after a relist.
func BenchmarkNewState(b *testing.B) {
	for _, s := range benchSizes {
		b.Run(size(s.nodes, s.apps*perApp), func(b *testing.B) {
			w := bench(s.nodes, perApp, s.apps)
			w.plan()
			b.ResetTimer()
			for b.Loop() {
				placement.NewState(w.Snapshot)
			}
		})
	}
}

// BenchmarkPutUnit is one changed status.
func BenchmarkPutUnit(b *testing.B) {
	for _, s := range benchSizes {
		b.Run(size(s.nodes, s.apps*perApp), func(b *testing.B) {
			w := bench(s.nodes, perApp, s.apps)
			w.plan()
			state := placement.NewState(w.Snapshot)
			i := 0
			b.ResetTimer()
			for b.Loop() {
				state.PutUnit(w.Units[i%len(w.Units)])
				i++
			}
		})
	}
}
