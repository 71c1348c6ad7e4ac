package sim

import (
	"fmt"
	"math/rand/v2"

	"github.com/nsched/nsched/scheduler"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
)

// AddScheduler adds a scheduler on a machine of its own.
func (w *World) AddScheduler(name string) *Process {
	h := w.AddHost(name)
	var p *Process
	p = w.AddProcess(h, name+"/scheduler", func(l Life) loop.Stepper {
		s, err := scheduler.New(scheduler.Options{
			Self: units.Leader{Name: name, API: "http://" + name + ":7441"}, ClusterID: fmt.Sprintf("cluster-of-%s-%d", name, p.life),
			Keys: Keys, KV: l.KV, Mail: l.Mail, Executor: l.Exec,
			Seen: &h.schedulerSeen,
			Rand: rand.New(rand.NewPCG(w.Seed, uint64(p.life))),
		})
		if err != nil {
			panic(err) // the options are constant
		}
		return s
	})
	w.schedulers = append(w.schedulers, p)
	return p
}

// Schedulers returns the schedulers' processes.
func (w *World) Schedulers() []*Process { return w.schedulers }
