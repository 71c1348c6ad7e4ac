package guard

import (
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop/looptest"
)

// crashing runs a scenario over and over, and each time something else of what the guard asks for meets a fate:
// the guard dies before it is sent, before its answer is heard, or the answer is lost.
func crashing(t *testing.T, name string, scenario func(*world, func())) {
	for _, fate := range []string{"dies before", "dies after", "hears nothing", "is not heard", "lands late"} {
		t.Run(name+" and the guard "+fate, func(t *testing.T) {
			// All of the first, then fewer: an end that takes long asks the same over and over.
			for n := 1; n <= 5000; n += 1 + n/60 {
				w := newWorld(t)
				w.put(w.keys.Cluster(), units.Cluster{ID: "c1", Epoch: 1, Schema: 1})
				met := false
				var late *looptest.Task
				count := 0
				// settle runs the guard's requests one at a time, until the n-th, which meets its fate.
				settle := func() {
					for range 10_000 {
						b := w.guard.bench
						b.Now = w.now
						next := b.Step()
						tasks := b.Exec.Waiting()
						if len(tasks) == 0 {
							if b.Mail.Len() == 0 && (next == (units.Instant{}) || next.Boot > w.now.Boot) {
								return
							}
							continue
						}
						task := tasks[0]
						if count++; count != n || met {
							task.Run(looptest.Applied)
							continue
						}
						met = true
						switch fate {
						case "dies before":
							w.startGuard()
						case "dies after":
							task.Perform(looptest.Applied)
							w.startGuard()
						case "hears nothing":
							task.Run(looptest.RequestLost)
						case "is not heard":
							task.Run(looptest.ReplyLost)
						case "lands late":
							late = task
							task.Run(looptest.Late)
						}
					}
					t.Fatal("it never settles")
				}
				w.settle = settle
				w.startGuard()
				scenario(w, func() {
					if late != nil {
						late.Land()
					}
				})
				if t.Failed() {
					t.Fatalf("with request %d", n)
				}
				if !met {
					if n < 10 {
						t.Fatalf("the scenario has only %d requests", n-1)
					}
					return
				}
			}
			t.Fatal("the scenario never ends")
		})
	}
}

// In each of these nothing bound runs when a tenure begins or is given back (see wire), and the node comes back.
func TestACrashAnywhereLosesNothing(t *testing.T) {
	crashing(t, "the tenure is fenced", func(w *world, land func()) {
		w.until("it is fresh", w.fresh)
		tenure := w.state().Tenure
		w.start("app", time.Second)
		w.put(w.keys.Fence("n1"), units.Fence{Tenure: tenure})
		w.until("a new one is fresh", func() bool { return w.fresh() && w.state().Tenure > tenure })
		w.start("next", time.Second)
		land()
		w.run(3 * time.Second)
		if who := w.anyone(); who != "prod.next.0.1.1" && w.state().Tenure == w.alive() && w.fresh() {
			w.t.Errorf("in tenure %d there runs %q", w.state().Tenure, who)
		}
		w.until("it is fresh in the end", func() bool { return w.fresh() && w.state().Tenure == w.alive() })
	})
	crashing(t, "the lease ends", func(w *world, land func()) {
		w.until("it is fresh", w.fresh)
		tenure := w.state().Tenure
		w.start("app", 30*time.Second)
		w.cut = true
		w.run(20 * time.Second)
		w.cut = false
		w.until("a new one is fresh", func() bool { return w.fresh() && w.state().Tenure > tenure })
		land()
		w.run(20 * time.Second)
		w.until("it is fresh in the end", func() bool { return w.fresh() && w.state().Tenure == w.alive() })
	})
	crashing(t, "the epoch rises", func(w *world, land func()) {
		w.until("it is fresh", w.fresh)
		w.start("app", time.Second)
		w.put(w.keys.Cluster(), units.Cluster{ID: "c1", Epoch: 2, Schema: 1})
		w.until("a tenure of the new epoch is fresh", func() bool { return w.fresh() && w.memory.Cluster.Epoch == 2 })
		land()
		w.run(5 * time.Second)
		w.until("it is fresh in the end", func() bool { return w.fresh() && w.state().Tenure == w.alive() })
	})
	crashing(t, "the machine goes down", func(w *world, land func()) {
		w.until("it is fresh", w.fresh)
		w.start("app", time.Second)
		for w.state().Phase != PhaseEnded {
			w.shell().End("the machine goes down") // whoever comes after one that died is told as well
			w.run(500 * time.Millisecond)
		}
		if who := w.anyone(); who != "" {
			w.t.Errorf("there runs %s", who)
		}
		land()
		w.run(20 * time.Second)
		if w.alive() != 0 {
			w.t.Error("alive stays")
		}
	})
}
