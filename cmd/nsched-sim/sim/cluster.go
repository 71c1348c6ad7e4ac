package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/nsched/nsched/units"
)

// Cluster is a whole cluster with somebody who uses it and somebody who watches.
type Cluster struct {
	*World
	Operator *Operator
	Watchman *Watchman
}

// Size says how large a cluster is.
type Size struct{ Nodes, Schedulers, Apps int }

// NewCluster starts a cluster.
func NewCluster(ctx context.Context, seed uint64, trace *Trace, size Size) *Cluster {
	w := New(ctx, seed, trace)
	for i := range size.Nodes {
		w.AddNode(fmt.Sprintf("n%d", i+1)).StartAll()
	}
	for i := range size.Schedulers {
		w.AddScheduler(fmt.Sprintf("s%d", i+1)).Start()
	}
	return &Cluster{World: w, Operator: w.NewOperator(), Watchman: w.Guarded()}
}

// App names the i-th app.
func App(i int) units.AppID {
	return units.AppID{Namespace: "default", Name: units.AppName(fmt.Sprintf("app%c", 'a'+i))}
}

// Use lets the operator submit every app at the start and then change something every so often.
func (c *Cluster) Use(apps int, from, to time.Duration) {
	for i := range apps {
		c.After(from+c.Uniform(0, 5*time.Second), func() { c.Operator.Submit(App(i), 1+c.rng.IntN(4), 100+100*c.rng.IntN(4)) })
	}
	for at := from + 15*time.Second; at < to; at += c.Uniform(5*time.Second, 25*time.Second) {
		c.After(at, func() {
			app := App(c.rng.IntN(apps))
			switch c.rng.IntN(6) {
			case 0, 1:
				c.Operator.Scale(app, 1+c.rng.IntN(5))
			case 2, 3, 4:
				c.Operator.Submit(app, 1+c.rng.IntN(4), 100+100*c.rng.IntN(4))
			case 5:
				c.Operator.Stop(app)
			}
		})
	}
}

// Standard is the run that every seed makes: faults for 5 minutes, and 5 minutes to recover.
func Standard(ctx context.Context, seed uint64, trace *Trace) (*Cluster, error) {
	c := NewCluster(ctx, seed, trace, Size{Nodes: 5, Schedulers: 2})
	const apps, quiet, end = 6, 5 * time.Minute, 10 * time.Minute
	c.Use(apps, 5*time.Second, quiet)
	c.MachineFaults = 0.02
	c.After(quiet, func() { c.MachineFaults = 0 })
	c.Chaos(StandardFaults(), 24, 10*time.Second, quiet)
	if err := c.Run(end); err != nil {
		return c, err
	}
	if err := c.Watchman.Settled(c.Operator); err != nil {
		return c, fmt.Errorf("seed %d: not settled %v after the last fault: %w", seed, end-quiet, err)
	}
	if c.Watchman.Placed == 0 || c.Trace.Kinds["strike"] == 0 {
		return c, fmt.Errorf("seed %d: nothing ran: %d units placed, %d faults", seed, c.Watchman.Placed, c.Trace.Kinds["strike"])
	}
	return c, nil
}
