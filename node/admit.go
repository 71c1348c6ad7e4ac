package node

import (
	"context"
	"fmt"
	"time"

	"github.com/nsched/nsched/node/converge"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

// admittedFor is how long a bound unit may be started on what was read for it: the record is written
// meanwhile. The shim asks the guard again, at the last moment.
const admittedFor = 5 * time.Second

// admission is leave to start a bound unit once.
type admission struct {
	until time.Duration
	token int64 // its fence token
}

// admitted reports whether the bound unit may be started now. If nobody has asked yet, it asks: one
// linearizable transaction that reads the cluster's identity, the node's tenure and the assignment at one
// revision. What the views hold may be old, and nothing bound starts on that.
func (d *Daemon) admitted(u *unit, now units.Instant) bool {
	if u.admission.token != 0 && now.Boot < u.admission.until {
		return true
	}
	if u.rec.Assignment.Tenure == 0 {
		u.launch = converge.Launch{Permanent: true, Failure: units.Reason{
			Code: units.ReasonInternal, Message: "its assignment names no tenure, and it may run in no other than the one named",
		}}
		return false
	}
	u.admission = admission{}
	u.busy[laneSystemd] = true
	alive, assignment := d.o.Keys.Alive(d.o.Node), d.o.Keys.Unit(d.o.Node, u.rec.ID)
	loop.Go(d.o.Executor, "admit", assignment, func(ctx context.Context) (registry.TxnResult, error) {
		return d.o.KV.Txn(ctx, registry.Txn{Then: []registry.Op{
			{Kind: registry.OpRange, Key: d.o.Keys.Cluster()},
			{Kind: registry.OpRange, Key: alive},
			{Kind: registry.OpRange, Key: assignment},
		}})
	}, func(now units.Instant, r registry.TxnResult, err error) {
		u.busy[laneSystemd] = false
		if err != nil {
			d.notAdmitted(u, now, units.Reason{Code: units.ReasonOffline, Message: "it is not known whether it may still start: " + err.Error()})
			return
		}
		d.answered(now)
		d.judge(u, now, r)
	})
	return false
}

// judge decides by what was read.
func (d *Daemon) judge(u *unit, now units.Instant, r registry.TxnResult) {
	was := d.tenureOf(u)
	one := func(i int) registry.KeyValue {
		if kvs := r.Results[i].Range.KVs; len(kvs) > 0 {
			return kvs[0]
		}
		return registry.KeyValue{}
	}
	identity, alive, assigned := one(0), one(1), one(2)
	refuse := func(code, why string, args ...any) {
		d.notAdmitted(u, now, units.Reason{Code: code, Message: fmt.Sprintf(why, args...)})
	}
	c, _, err := registry.Decode[units.Cluster](identity.Key, identity.Value)
	if err != nil || c.ID != d.cluster.ID || c.Epoch != d.cluster.Epoch {
		refuse(units.ReasonOffline, "the cluster is not the one that was read before")
		return
	}
	a, _, err := registry.Decode[units.Assignment](assigned.Key, assigned.Value)
	switch {
	case assigned.CreateRevision == 0:
		refuse(units.ReasonOffline, "the registry does not hold its assignment any more")
		return
	case err != nil:
		refuse(units.ReasonUndecodable, "%v", err)
		return
	case assigned.CreateRevision != u.rec.Revision || a.Tenure != u.rec.Assignment.Tenure:
		refuse(units.ReasonOffline, "its assignment is another than the one that is known")
		return
	}
	u.desire(a, assigned.CreateRevision)
	switch {
	case u.rec.Assignment.Desired != units.DesiredRun:
		// It is to stop: nothing is launched on the next look.
	case a.Desired != units.DesiredRun:
		refuse(units.ReasonOffline, "its assignment says %q, less than it did", string(a.Desired))
	case alive.CreateRevision > was:
		u.launch = converge.Launch{Failure: tenureOver(was, alive.CreateRevision), Permanent: true}
		d.guardAt = 0
	case alive.CreateRevision != was || d.place.Tenure != was:
		d.guardAt = 0
		refuse(units.ReasonTenureLost, "the node is not in tenure %d, in which it was assigned", was)
	default:
		u.admission = admission{until: now.Boot + admittedFor, token: units.FenceToken(c.Epoch, assigned.CreateRevision)}
	}
}

// notAdmitted puts the start off.
func (d *Daemon) notAdmitted(u *unit, now units.Instant, why units.Reason) {
	u.launches++
	u.launch = converge.Launch{Failure: why, RetryAt: now.Boot + backoff(launchFirst, launchLongest, u.launches)}
}
