package sim

import (
	"errors"

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
	memory guard.Memory
	boot   string
}

var errGuardDead = errors.New("nothing listens on the guard's socket")

// AddGuard adds a node's guard. Its memory lives on a tmpfs: a reboot loses it.
func (w *World) AddGuard(h *Host) *GuardHost {
	g := &GuardHost{}
	g.Process = w.AddProcess(h, h.Name+"/guard", func(l Life) loop.Stepper {
		shell, err := guard.New(guard.Options{
			Node: units.NodeName(h.Name), Key: "key-of-" + h.Name, BootID: h.BootID(), Keys: Keys,
			KV: l.KV, Keeper: g, Mail: l.Mail, Executor: l.Exec,
		})
		if err != nil {
			panic(err) // the options are constant
		}
		return shell
	})
	return g
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
	g.memory, g.boot = m, g.host.BootID()
	return nil
}

// State is what the guard's socket answers. A paused guard answers nothing.
func (g *GuardHost) State() (guard.State, error) {
	if !g.running || g.paused {
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
