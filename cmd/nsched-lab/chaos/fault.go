package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
)

// Domain is what a fault hurts. Faults of different domains may be struck beside each other.
type Domain string

// The domains.
const (
	DomainNode      Domain = "node"
	DomainScheduler Domain = "scheduler"
	DomainEtcd      Domain = "etcd"
	DomainCache     Domain = "cache"
	// DomainAll is all of them: such a fault is struck alone.
	DomainAll Domain = "all"
)

// Fault is a way to hurt the cluster.
type Fault struct {
	Name   string
	Domain Domain
	// What it is, for people.
	What string
	// strike does it. What it draws it draws from the source it is given.
	strike func(context.Context, *Stage, *Draw) (*Blow, error)
}

// Blow is a fault that has been struck.
type Blow struct {
	// Target is what was hit.
	Target string
	// Lasts is how long it is to last.
	Lasts time.Duration
	// heal takes it back. It must do so whatever happened meanwhile.
	heal func(context.Context) error
	// away are nodes that hear and say nothing for as long as it lasts.
	away []string
	// calm says that nothing may be evicted for it, nor any name removed.
	calm bool
}

// Draw is where faults get their choices from: equal seeds make equal choices of equal clusters.
type Draw struct {
	*rand.Rand
	// avoid are nodes that another fault has hit.
	avoid []string
	// shortest has every fault last no longer than it takes to be felt: longer than a lease.
	shortest bool
}

// felt is how long a fault lasts at most that is to be over soon.
const felt = 18 * time.Second

// NewDraw returns one of a seed.
func NewDraw(seed uint64) *Draw { return &Draw{Rand: rand.New(rand.NewPCG(seed, 0))} }

// Soon has every fault from now on be over soon, but not before it is felt.
func (d *Draw) Soon() { d.shortest = true }

// between draws a time.
func (d *Draw) between(least, most time.Duration) time.Duration {
	if d.shortest {
		return max(least, min(most, felt))
	}
	return least + time.Duration(d.Int64N(int64(most-least)+1))
}

// node draws a node: often one that runs a singleton, since there most can go wrong.
func (d *Draw) node(s *Stage) *cluster.Node {
	for range 100 {
		n := s.Nodes[d.IntN(len(s.Nodes))]
		if d.IntN(3) > 0 {
			if host := s.Home(singletons[d.IntN(len(singletons))]); host != nil {
				n = host
			}
		}
		if !slices.Contains(d.avoid, n.Name()) {
			d.avoid = append(d.avoid, n.Name())
			return n
		}
	}
	return s.Nodes[0]
}

// nodes draws several different ones.
func (d *Draw) nodes(s *Stage, count int) []*cluster.Node {
	list := slices.Clone(s.Nodes)
	d.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	list = list[:min(count, len(list))]
	for _, n := range list {
		d.avoid = append(d.avoid, n.Name())
	}
	return list
}

// Home returns where an app's unit runs, nil where none does.
func (s *Stage) Home(app string) *cluster.Node {
	for _, l := range s.Lives(app) {
		if l.End.IsZero() {
			for _, n := range s.Nodes {
				if n.Name() == l.Host {
					return n
				}
			}
		}
	}
	return nil
}

// ErrFault: there is no fault of that name.
var ErrFault = errors.New("no such fault")

// Faults lists all there are, in the order of the report.
func Faults() []Fault {
	return slices.Concat(processFaults(), systemdFaults(), networkFaults(), powerFaults(), fullFaults(), schedulerFaults(), etcdFaults(), cacheFaults(), togetherFaults())
}

// Pick returns the faults of these names; none are all.
func Pick(names ...string) ([]Fault, error) {
	all := Faults()
	if len(names) == 0 {
		return all, nil
	}
	var out []Fault
	for _, name := range names {
		at := slices.IndexFunc(all, func(f Fault) bool { return f.Name == name })
		if at < 0 {
			return nil, fmt.Errorf("strike %q: %w", name, ErrFault)
		}
		out = append(out, all[at])
	}
	return out, nil
}

// nothing is how to heal what heals by itself.
func nothing(context.Context) error { return nil }
