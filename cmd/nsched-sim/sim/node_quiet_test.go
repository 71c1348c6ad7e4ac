package sim

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/nsched/nsched/node"
	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

func TestNodesComeToRestAfterEveryMixOfFaults(t *testing.T) {
	for seed := uint64(1); seed <= 25; seed++ {
		w := nodeWorld(t, seed, 3)
		if err := w.Run(5 * time.Second); err != nil {
			t.Fatal(err)
		}
		told := map[units.UnitID]bool{}
		last := map[string]units.State{}
		w.OnWrite(func(p *Process, txn registry.Txn, r registry.TxnResult) {
			ops := txn.Then
			if !r.Succeeded {
				ops = txn.Else
			}
			for _, op := range ops {
				if op.Kind == registry.OpRange {
					continue
				}
				key, err := Keys.Parse(op.Key)
				if err != nil {
					continue
				}
				switch {
				case key.Kind == registry.KindEndpoint && op.Kind == registry.OpPut && op.Lease == 0:
					w.fail(fmt.Errorf("%s put %s without a lease", p.Name, op.Key))
				case key.Kind == registry.KindStatus && op.Kind == registry.OpPut:
					s, _, err := registry.Decode[units.Status](op.Key, op.Value)
					if err != nil {
						w.fail(err)
					}
					if !s.State.CanFollow(last[op.Key]) {
						w.fail(fmt.Errorf("%s: %s after %s", op.Key, s.State, last[op.Key]))
					}
					last[op.Key] = s.State
				case key.Kind == registry.KindStatus:
					delete(last, op.Key)
				}
			}
		})
		for i, n := range w.Nodes() {
			for slot := i * 4; slot < i*4+4; slot++ {
				w.After(w.Uniform(0, time.Minute), func() { assign(t, w, n, slot, units.DesiredRun) })
				if slot%4 == 3 {
					w.After(w.Uniform(time.Minute, 4*time.Minute), func() {
						told[helloUnit(slot)] = true
						assign(t, w, n, slot, units.DesiredStop)
					})
				}
				if slot%4 == 2 { // its process dies now and then
					for range 3 {
						w.After(w.Uniform(time.Minute, 4*time.Minute), func() {
							n.peeking = true
							n.Systemd.Die(helloUnit(slot), systemd.Program{ExitCode: 3})
							n.peeking = false
						})
					}
				}
			}
			n.Check = func() error {
				if w.now < 5*time.Minute && w.Chance(0.1) {
					return fmt.Errorf("flaps")
				}
				return nil
			}
			n.OnStop = func(id units.UnitID) {
				if !told[id] {
					slot, _ := strconv.Atoi(string(id.Slot))
					s, ok := statusOf(t, w, n, slot)
					if !ok || !s.State.Terminal() {
						w.fail(fmt.Errorf("%s stopped %s and nobody told it to", n.Name, id))
					}
				}
			}
		}
		w.MachineFaults = 0.05
		w.Chaos(BasicFaults(), 25, 10*time.Second, 5*time.Minute)
		if err := w.Run(5 * time.Minute); err != nil {
			t.Error(err)
			continue
		}
		w.MachineFaults = 0
		if err := w.Run(8 * time.Minute); err != nil {
			t.Error(err)
			continue
		}
		for i, n := range w.Nodes() {
			name := units.NodeName(n.Name)
			alive, _ := w.Etcd.Range(w.ctx, rangeOf(Keys.Alive(name)))
			if r, _ := w.Etcd.Range(w.ctx, rangeOf(Keys.Agent(name))); len(r.KVs) == 0 {
				t.Errorf("seed %d: %s has no agent key", seed, n.Name)
			}
			if o := n.Daemon.Shell().(*node.Daemon).Overview(); len(o.Problems) > 0 {
				t.Errorf("seed %d: %s: %v", seed, n.Name, o.Problems)
			}
			for slot := i * 4; slot < i*4+4; slot++ {
				s, _ := statusOf(t, w, n, slot)
				want := units.StateHealthy
				if slot%4 == 3 {
					want = units.StateStopped
				}
				if s.State != want && !(slot%4 == 2 && s.State == units.StateFailed) {
					t.Errorf("seed %d: slot %d is %+v, want %s", seed, slot, s, want)
				}
				r, _ := w.Etcd.Range(w.ctx, rangeOf(Keys.Endpoint(name, helloUnit(slot))))
				if got := len(r.KVs) == 1; got != (s.State == units.StateHealthy) {
					t.Errorf("seed %d: slot %d is %s, endpoint %v", seed, slot, s.State, got)
				} else if got && r.KVs[0].Lease != alive.KVs[0].Lease {
					t.Errorf("seed %d: slot %d: endpoint hangs on another lease than alive", seed, slot)
				}
			}
		}
	}
}
