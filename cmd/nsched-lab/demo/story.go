package demo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
)

// byName finds a unit through the DNS alone and asks it: an SRV record tells host and port.
const byName = `set -- $(dig +short SRV _http._tcp.` + name + ` | head -n 1) && curl -sS "http://${4%.}:$3/"`

// reach shows the app under its name.
func (d *show) reach(ctx context.Context) error {
	d.step("It is found by its name")
	d.tell(
		"The leader keeps a record for each healthy unit, and CoreDNS serves them. Ports are given by nsched, so",
		"that units never clash; an SRV record tells them.")
	err := until(ctx, "the name is known", func() error {
		got, err := d.resolve(ctx)
		if err == nil && len(got) == 0 {
			err = errNotYet
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, line := range []string{"dig +short A " + name, "dig +short SRV _http._tcp." + name, byName, "nsched logs hello"} {
		if err := d.dev(ctx, line); err != nil {
			return err
		}
	}
	return nil
}

// lose cuts the power of a node that serves.
func (d *show) lose(ctx context.Context) error {
	before, err := d.units(ctx)
	if err != nil {
		return err
	}
	if len(before) == 0 {
		return errNoUnit
	}
	victim := d.nodes[before[0].Node]
	d.step("A machine loses its power: " + victim.Name())
	d.tell(
		"Nobody hears a word from it. Its lease in etcd runs out after 15 s; then its unit is placed anew, and",
		"the name follows. The others serve all the time.")
	d.command("lab", "nsched-lab power-off "+d.c.Lab.ID()+"/"+victim.Name())
	begun := time.Now()
	if err := victim.PowerOff(ctx); err != nil {
		return err
	}
	if err := d.healthy(ctx, len(before), victim.Name()); err != nil {
		return err
	}
	d.took("power cut until the replacement answers (a lease of 15 s included)", time.Since(begun))
	gone := victim.Address().String()
	err = until(ctx, "DNS follows", func() error {
		got, err := d.resolve(ctx)
		if err == nil && (len(got) == 0 || slices.Contains(got, gone)) {
			err = fmt.Errorf("%w: %s is %v", errNotYet, name, got)
		}
		return err
	})
	if err != nil {
		return err
	}
	d.took("power cut until DNS has forgotten the machine", time.Since(begun))
	if err := d.settled(ctx, len(before), victim.Name()); err != nil {
		return err
	}
	for _, line := range []string{"nsched nodes", "nsched status hello", "dig +short A " + name, byName} {
		if err := d.dev(ctx, line); err != nil {
			return err
		}
	}
	d.command("lab", "nsched-lab power-on "+d.c.Lab.ID()+"/"+victim.Name())
	begun = time.Now()
	if err := victim.PowerOn(ctx); err != nil {
		return err
	}
	if err := until(ctx, victim.Name()+" is ready", func() error { return victim.Ready(ctx) }); err != nil {
		return err
	}
	d.took("power back until the node is ready", time.Since(begun))
	return nil
}

// depose kills the scheduler that leads.
func (d *show) depose(ctx context.Context) error {
	leader, term, err := d.leader(ctx)
	if err != nil {
		return err
	}
	d.step("The leading scheduler is killed: " + leader)
	d.tell(
		"What runs does not notice. The other one leads once the lease of 5 s has run out, in a higher term;",
		"whatever the dead one had on its way into etcd is refused from then on.")
	line := "systemctl kill --kill-whom=main --signal=KILL " + cluster.SchedulerUnit
	d.command(leader, line)
	begun := time.Now()
	if err := d.schedulers[leader].Kill(ctx); err != nil {
		return err
	}
	if err := d.dev(ctx, "nsched scale hello 4"); err != nil {
		return err
	}
	if err := d.healthy(ctx, 4, ""); err != nil {
		return err
	}
	d.took("leader killed until a fourth unit, asked for just after, answers", time.Since(begun))
	next, nextTerm, err := d.leader(ctx)
	if err != nil {
		return err
	}
	if nextTerm <= term {
		return fmt.Errorf("the term was %d and is %d: %w", term, nextTerm, errNotYet)
	}
	d.say("  %s leads now, in term %d after term %d.", next, nextTerm, term)
	if err := d.settled(ctx, 4, ""); err != nil {
		return err
	}
	return d.dev(ctx, "nsched status hello")
}

// crash kills a node daemon.
func (d *show) crash(ctx context.Context) error {
	all, err := d.units(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return errNoUnit
	}
	u := all[0]
	n := d.nodes[u.Node]
	d.step("A node daemon is killed: on " + u.Node)
	d.tell(
		"The daemon only starts and watches units: they are systemd's. It is killed while requests come in, and",
		"the next one adopts what it finds.")
	if err := d.dev(ctx, "curl -sS "+u.url()); err != nil {
		return err
	}
	load := cluster.NewLoad(d.c.Lab.DialContext, u.url(), 20*time.Millisecond)
	stopped := false
	defer func() {
		if !stopped {
			load.Stop()
		}
	}()
	old, err := n.MainPID(ctx, cluster.DaemonUnit)
	if err != nil {
		return err
	}
	d.command(u.Node, "systemctl kill --kill-whom=main --signal=KILL "+cluster.DaemonUnit)
	begun := time.Now()
	if err := n.Kill(ctx, cluster.DaemonUnit, "SIGKILL"); err != nil {
		return err
	}
	err = until(ctx, "another daemon is ready", func() error {
		pid, err := n.MainPID(ctx, cluster.DaemonUnit)
		if err == nil && (pid == 0 || pid == old) {
			err = errNotYet
		}
		if err != nil {
			return err
		}
		return n.Ready(ctx)
	})
	if err != nil {
		return err
	}
	d.took("daemon killed until the next one is ready (systemd waits 1 s before it starts it)", time.Since(begun))
	time.Sleep(time.Second) // a little load after it
	got := load.Stop()
	stopped = true
	if err := d.dev(ctx, "curl -sS "+u.url()); err != nil {
		return err
	}
	after, err := d.units(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(after, func(v unit) bool { return v.Unit == u.Unit && v.PID == u.PID }) {
		return fmt.Errorf("unit %s was process %d: %w", u.Unit, u.PID, errOther)
	}
	if got.Failed > 0 || got.Requests == 0 {
		return fmt.Errorf("%d of %d requests failed: %w", got.Failed, got.Requests, errNoAnswer)
	}
	d.say("  %d requests meanwhile, %d failed; the same process answers: pid %d.", got.Requests, got.Failed, u.PID)
	return nil
}

// stop stops the app.
func (d *show) stop(ctx context.Context) error {
	d.step("The app is stopped")
	d.say("")
	begun := time.Now()
	if err := d.dev(ctx, "nsched stop hello"); err != nil {
		return err
	}
	d.took("stop until none of its units runs", time.Since(begun))
	if err := d.settled(ctx, 0, ""); err != nil {
		return err
	}
	return d.dev(ctx, "nsched status hello; nsched units")
}
