package sim

import (
	"errors"
	"time"

	"github.com/nsched/nsched/node/guard"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

// Keys are the keys of every simulated cluster.
var Keys = func() registry.Keys {
	k, err := registry.NewKeys(registry.DefaultPrefix)
	if err != nil {
		panic(err) // the default prefix is valid
	}
	return k
}()

// GuardHost is a node's guard over all its lives.
type GuardHost struct {
	*Process
	of     *NodeHost // nil: nothing runs on the machine but the guard
	memory guard.Memory
	boot   string
	word   guard.Word
	told   string // in which boot
	mute   bool   // the word cannot be read at present
}

var errGuardDead = errors.New("nothing listens on the guard's socket")

// AddGuard adds a node's guard. Its memory lives on a tmpfs: a reboot loses it.
func (w *World) AddGuard(h *Host) *GuardHost {
	g := &GuardHost{}
	g.Process = w.AddProcess(h, h.Name+"/guard", func(l Life) loop.Stepper {
		o := guard.Options{
			Node: units.NodeName(h.Name), Key: "key-of-" + h.Name, BootID: h.BootID(), Keys: Keys,
			KV: l.KV, Keeper: g, Teller: g, Mail: l.Mail, Executor: l.Exec,
		}
		if g.of != nil {
			o.Machine = simMachine{g.of}
		}
		shell, err := guard.New(o)
		if err != nil {
			panic(err) // the options are constant
		}
		return shell
	})
	g.onStart = func() { g.active(true) }
	g.onEnd = func() { g.active(false) }
	g.onPause = func() { w.After(watchdogAfter, g.watchdog) }
	return g
}

// watchdogAfter is WatchdogSec= of the guard's unit.
const watchdogAfter = 3 * time.Second

// watchdog is PID 1 that kills a guard which has not told for too long that it is alive, and starts another.
func (g *GuardHost) watchdog() {
	if g.of == nil || !g.running || !g.paused || g.of.saturated || g.host.suspended || g.w.now < g.pausedAt+watchdogAfter {
		return
	}
	g.w.Trace.Add(g.w.now, "watchdog", g.Name+" killed")
	g.die()
	g.w.After(g.host.uniform(100*time.Millisecond, 2*time.Second), g.Start)
}

// active tells systemd of the guard's unit.
func (g *GuardHost) active(is bool) {
	if g.of != nil && !g.host.down {
		g.of.Systemd.SetUnit(guardUnit, is)
	}
}

// Tell implements guard.Teller. The word is written in place, so that a tmpfs that is full changes nothing.
func (g *GuardHost) Tell(word guard.Word) error {
	g.word, g.told = word, g.host.BootID()
	return nil
}

// Hear implements guard.Hearer.
func (g *GuardHost) Hear() (guard.Word, error) {
	switch {
	case g.mute:
		return guard.Word{}, errMachine
	case g.told != g.host.BootID():
		return guard.Word{}, guard.ErrNoWord
	}
	return g.word, nil
}

// Load implements guard.Keeper.
func (g *GuardHost) Load() (guard.Memory, error) {
	if g.boot != g.host.BootID() {
		return guard.Memory{}, nil
	}
	return g.memory, nil
}

// Save implements guard.Keeper.
func (g *GuardHost) Save(m guard.Memory) error {
	if g.of != nil && g.of.runFull {
		return errMachine
	}
	g.memory, g.boot = m, g.host.BootID()
	return nil
}

// State is what the guard's socket answers. A paused guard answers nothing.
func (g *GuardHost) State() (guard.State, error) {
	if !g.running || g.frozen() {
		return guard.State{}, errGuardDead
	}
	return g.shell.(*guard.Guard).State(), nil
}

// Published is the state that the guard last published, were it paused or not; false when it is dead.
func (g *GuardHost) Published() (guard.State, bool) {
	if !g.running {
		return guard.State{}, false
	}
	return g.shell.(*guard.Guard).State(), true
}

// everything is every key of the cluster.
var everything = registry.Range{Key: Keys.Prefix(), End: registry.PrefixEnd(Keys.Prefix())}

// rangeOf reads one key.
func rangeOf(key string) registry.Range { return registry.Range{Key: key} }
