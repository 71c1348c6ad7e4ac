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

// nodeCPU is what every simulated machine offers unless told otherwise, in thousandths of a CPU.
const nodeCPU = 4000

// The units of the machine itself.
const (
	guardUnit   = "nsched-guard.service"
	guardSocket = "/run/nsched/guard.sock"
)

// NodeHost is a machine with a guard, a daemon, a reaper, a systemd, a store and a disk. What is on the disk
// and in the store outlives everything; what systemd runs outlives the daemon and not the machine.
type NodeHost struct {
	*Host
	Guard   *GuardHost
	Daemon  *Process
	Reaper  *Process
	Systemd *systemd.Fake

	// What is wrong with the machine.
	systemdFails, nixFails float64
	nixHangs               bool
	nixDue                 []func() // what hangs in Nix and will have been done in the end
	diskFull, runFull      bool
	saturated              bool // PID 1 has no time, for watchdogs neither
	lingering              bool // units stop slowly
	crashing               map[units.AppID]bool
	sick                   map[units.AppID]bool // checks fail; the empty one is all
	goingDown              bool
	tenures                map[units.UnitID]int64 // in the records of the shims

	cpu     int64 // what it offers, in thousandths
	peeking bool  // the world looks, which no fault hides
	disk    map[units.UnitID]node.Record
	past    map[units.UnitID]node.Record
	files   map[units.UnitID]bool // records for systemd
	contact time.Time
	store   map[units.StorePath]bool
	roots   map[string]units.StorePath
	// Fetch says what a realise of a path that is not there does; nil fetches it.
	Fetch func(units.StorePath) error
	// OnStop is told of each unit that the daemon stops.
	OnStop func(units.UnitID)
	// OnEnforce is told of each unit that guard or reaper end, OnUnroot when something is pinned no more.
	OnEnforce func(units.UnitID)
	OnUnroot  func()
	// OnStart is told of each start that the daemon asks for: when it asked, and the fence token that the unit is
	// given.
	OnStart func(id units.UnitID, sent time.Duration, token int64)
	// Check says what a health check of any unit answers; nil passes.
	Check func() error
}

// AddNode adds a machine whose processes are not started yet.
func (w *World) AddNode(name string) *NodeHost {
	n := &NodeHost{
		Host: w.AddHost(name), cpu: nodeCPU, disk: map[units.UnitID]node.Record{}, files: map[units.UnitID]bool{}, store: map[units.StorePath]bool{},
		roots: map[string]units.StorePath{}, tenures: map[units.UnitID]int64{},
		crashing: map[units.AppID]bool{}, sick: map[units.AppID]bool{},
	}
	n.run(systemd.NewFake(n.program))
	n.Systemd.SetFault(func(string, units.UnitID) systemd.Fault {
		switch {
		case n.peeking, !n.chance(w.MachineFaults + n.systemdFails):
			return systemd.FaultNone
		case n.chance(0.5):
			return systemd.FaultBefore
		}
		return systemd.FaultAfter
	})
	n.Guard = w.AddGuard(n.Host)
	n.Guard.of = n
	n.Daemon = w.AddProcess(n.Host, name+"/daemon", n.life)
	n.Reaper = w.AddProcess(n.Host, name+"/reaper", n.reaper)
	n.Host.onPowerOff = func() {
		n.Systemd.Reboot()
		n.nixDue, n.nixHangs, n.goingDown = nil, false, false
	}
	w.nodes = append(w.nodes, n)
	return n
}

// run makes the machine run that systemd.
func (n *NodeHost) run(f *systemd.Fake) {
	n.Systemd = f
	f.SetClock(func() time.Duration { return n.w.now })
	n.w.sources = append(n.w.sources, source{
		next: func() (time.Duration, bool) {
			at, ok := f.Next()
			return at, ok && !n.suspended
		},
		advance: func(now time.Duration) { f.Advance(units.Instant{Boot: now}) },
	})
}

// program is how the process of a unit behaves: as its generation was made, as the machine's troubles have
// it, and not at all when the guard does not confirm its tenure.
func (n *NodeHost) program(s systemd.Service, _ int) systemd.Program {
	if tenure := n.tenures[s.Unit]; tenure != 0 { // the shim's record says so
		const refused = 75
		switch state, err := n.Guard.State(); {
		case err != nil:
			return systemd.Program{Ends: true, Life: 2 * time.Second, ExitCode: refused, Refused: true}
		case !state.Fresh(tenure, n.Instant().Boot):
			return systemd.Program{Ends: true, Life: time.Millisecond, ExitCode: refused, Refused: true}
		}
	}
	p := n.w.flawOf(s.Unit).program
	if n.crashing[s.Unit.AppID()] {
		p = systemd.Program{Ends: true, Life: time.Second, ExitCode: 1}
	}
	if n.lingering {
		p.StopTakes = max(p.StopTakes, time.Duration(n.rng.Int64N(int64(12*time.Second))))
	}
	return p
}

// saturate takes PID 1's time, or gives it back.
func (n *NodeHost) saturate(busy bool) {
	n.saturated = busy
	n.Systemd.Saturate(busy)
	if !busy {
		n.Guard.watchdog()
	}
}

// Nodes returns the machines that run units.
func (w *World) Nodes() []*NodeHost { return w.nodes }

// StartAll starts guard, daemon and reaper.
func (n *NodeHost) StartAll() {
	n.Guard.Start()
	n.Daemon.Start()
	n.Reaper.Start()
}

func (n *NodeHost) reaper(l Life) loop.Stepper {
	return guard.NewReaper(guard.ReaperOptions{
		BootID: n.BootID(), Machine: simMachine{n}, Hearer: n.Guard, Mail: l.Mail, Executor: l.Exec,
	})
}

func (n *NodeHost) life(l Life) loop.Stepper {
	d, err := node.New(node.Options{
		Node: units.NodeName(n.Name), BootID: n.BootID(), Version: "sim", Keys: Keys, KV: l.KV,
		Store: simStore{n}, Prober: simProber{n}, Records: simRecords{n}, Past: simPast{n}, Guard: n, Ports: simPorts{}, Machine: n, Contact: simContact{n}, Seen: &n.nodeSeen,
		Services: simServices{n: n, Systemd: node.Systemd{
			Manager: n.Systemd, Files: simFiles{n}, Bounds: n.Systemd.Bounds(),
			GuardUnit: guardUnit, GuardSocket: guardSocket,
			Down: func(context.Context) (bool, error) { return n.goingDown, nil },
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
		Capacity:  units.Capacity{CPUMilli: n.cpu, MemoryBytes: 8 << 30, DiskBytes: 100 << 30},
		Addresses: []string{"10.0.0." + fmt.Sprint(slices.Index(n.w.hosts, n.Host)+1)},
	}, nil
}

// Ended reports whether the disk holds the end of the unit.
func (n *NodeHost) Ended(id units.UnitID) bool { return n.disk[id].Ended != nil }

// Live returns the units of which the app itself runs on the machine, in order. The caller does not change
// it.
func (n *NodeHost) Live() []units.UnitID { return n.Systemd.Live() }

// Fit reports whether anything runs on the machine, or may be started there that is bound to a tenure.
func (n *NodeHost) Fit() bool {
	if n.down {
		return false
	}
	s, _ := n.Guard.Published()
	return len(n.Live())+len(n.Running()) > 0 || s.Fresh(s.Tenure, n.Instant().Boot)
}

// Running returns the units that systemd runs, in order.
func (n *NodeHost) Running() []units.UnitID { return n.which(units.State.Up) }

// Stopping returns the units that systemd has been told to stop, by whomever, and that have not ended, in order.
func (n *NodeHost) Stopping() []units.UnitID {
	return n.which(func(s units.State) bool { return s == units.StateStopping })
}

func (n *NodeHost) which(is func(units.State) bool) []units.UnitID {
	n.peeking = true
	list, err := n.Systemd.List(n.w.ctx)
	n.peeking = false
	if err != nil {
		return nil
	}
	var ids []units.UnitID
	for _, u := range list {
		if is(u.State()) {
			ids = append(ids, u.ID)
		}
	}
	return ids
}
