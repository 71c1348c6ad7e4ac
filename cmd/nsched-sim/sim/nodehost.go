package sim

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nsched/nsched/node"
	"github.com/nsched/nsched/node/guard"
	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
)

// nodeCPU is what every simulated machine offers, in thousandths of a CPU.
const nodeCPU = 4000

// NodeHost is a machine with a guard, a daemon, a systemd, a store and a disk. What is on the disk and
// in the store outlives everything; what systemd runs outlives the daemon and not the machine.
type NodeHost struct {
	*Host
	Guard   *GuardHost
	Daemon  *Process
	Systemd *systemd.Fake

	peeking bool // the world looks, which no fault hides
	disk    map[units.UnitID]node.Record
	files   map[units.UnitID]bool // records for systemd
	contact time.Time
	store   map[units.StorePath]bool
	roots   map[string]units.StorePath
	// Fetch says what a realise of a path that is not there does; nil fetches it.
	Fetch func(units.StorePath) error
	// OnStop is told of each unit that the daemon stops.
	OnStop func(units.UnitID)
	// Check says what a health check of any unit answers; nil passes.
	Check func() error
}

// AddNode adds a machine whose processes are not started yet.
func (w *World) AddNode(name string) *NodeHost {
	n := &NodeHost{
		Host: w.AddHost(name), disk: map[units.UnitID]node.Record{}, files: map[units.UnitID]bool{}, store: map[units.StorePath]bool{},
		roots: map[string]units.StorePath{},
	}
	n.Systemd = systemd.NewFake(nil)
	w.sources = append(w.sources, source{
		next:    n.Systemd.Next,
		advance: func(now time.Duration) { n.Systemd.Advance(units.Instant{Boot: now}) },
	})
	n.Systemd.SetFault(func(string, units.UnitID) systemd.Fault {
		switch {
		case n.peeking, !w.Chance(w.MachineFaults):
			return systemd.FaultNone
		case w.Chance(0.5):
			return systemd.FaultBefore
		}
		return systemd.FaultAfter
	})
	n.Guard = w.AddGuard(n.Host)
	n.Daemon = w.AddProcess(n.Host, name+"/daemon", n.life)
	n.Host.onPowerOff = n.Systemd.Reboot
	w.nodes = append(w.nodes, n)
	return n
}

// Nodes returns the machines that run units.
func (w *World) Nodes() []*NodeHost { return w.nodes }

// StartAll starts guard and daemon.
func (n *NodeHost) StartAll() {
	n.Guard.Start()
	n.Daemon.Start()
}

func (n *NodeHost) life(l Life) loop.Stepper {
	d, err := node.New(node.Options{
		Node: units.NodeName(n.Name), BootID: n.BootID(), Version: "sim", Keys: Keys, KV: l.KV,
		Store: simStore{n}, Prober: simProber{n}, Records: simRecords{n}, Guard: n, Ports: simPorts{}, Machine: n, Contact: simContact{n}, Seen: &n.nodeSeen,
		Services: simServices{n: n, Systemd: node.Systemd{
			Manager: n.Systemd, Files: simFiles{n}, GuardUnit: "nsched-guard.service", GuardSocket: "/run/nsched/guard.sock",
		}},
		Mail: l.Mail, Executor: l.Exec,
	})
	if err != nil {
		panic(err) // the options are constant
	}
	n.Systemd.OnChange(func(units.UnitID) { d.Hint() })
	return d
}

// State implements node.Guard: what the guard's socket answers.
func (n *NodeHost) State(context.Context) (guard.State, error) { return n.Guard.State() }

// Describe implements node.Machine.
func (n *NodeHost) Describe(context.Context) (units.Node, error) {
	return units.Node{
		Key: "key-of-" + n.Name, BootID: n.BootID(), System: "x86_64-linux", AppSchema: units.AppSchema,
		Capacity:  units.Capacity{CPUMilli: nodeCPU, MemoryBytes: 8 << 30, DiskBytes: 100 << 30},
		Addresses: []string{"10.0.0." + fmt.Sprint(slices.Index(n.w.hosts, n.Host)+1)},
	}, nil
}

// Ended reports whether the disk holds the end of the unit.
func (n *NodeHost) Ended(id units.UnitID) bool { return n.disk[id].Ended != nil }

// Running returns the units that systemd runs, in order.
func (n *NodeHost) Running() []units.UnitID {
	n.peeking = true
	list, err := n.Systemd.List(n.w.ctx)
	n.peeking = false
	if err != nil {
		return nil
	}
	var ids []units.UnitID
	for _, u := range list {
		if u.State().Up() {
			ids = append(ids, u.ID)
		}
	}
	return ids
}
