package node

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/nsched/nsched/node/guard"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

const (
	guardEvery    = time.Second
	describeEvery = time.Minute
	registerAgain = 5 * time.Second
	agentTTL      = 15 * time.Second
	agentEvery    = 5 * time.Second
)

// place is the node's place in the cluster, as its guard last told it.
type place struct {
	guard.State
	asked bool // the guard has answered at least once
}

// held reports whether the node is in its place.
func (p place) held() bool { return p.Phase == guard.PhaseHolding && p.Tenure != 0 && p.Lease != 0 }

// inPlace reports whether the node is in its place, as far as is known.
func (d *Daemon) inPlace() bool { return d.place.held() && d.place.Tenure != d.lost }

// askGuard learns the node's place.
func (d *Daemon) askGuard(now units.Instant) units.Instant {
	if d.asking {
		return units.Instant{}
	}
	if !now.Reached(d.guardAt) {
		return now.Add(d.guardAt - now.Boot)
	}
	d.asking = true
	d.guardAt = now.Boot + guardEvery
	loop.Go(d.o.Executor, "guard", string(d.o.Node), func(ctx context.Context) (guard.State, error) {
		return d.o.Guard.State(ctx)
	}, func(now units.Instant, s guard.State, err error) {
		d.asking = false
		d.guardErr = err
		if err != nil {
			return
		}
		d.tenureEvents(now, s)
		for _, u := range d.order {
			// The keys of another lease went with it, in one revision with the tenure.
			if r := &u.report; r.outLease != 0 && r.outLease != s.Lease {
				r.toldEndpoint = endpointAbsent
			}
		}
		if s.Tenure != d.place.Tenure {
			d.registered, d.agentOut = false, false
		}
		d.place = place{State: s, asked: true}
		d.placed = d.placed || d.place.held()
	})
	return units.Instant{}
}

// register keeps nodes/<node> true and agent/<node> alive, one request at a time.
func (d *Daemon) register(now units.Instant) units.Instant {
	if d.registering {
		return units.Instant{}
	}
	if !now.Reached(d.registerAt) {
		return now.Add(d.registerAt - now.Boot)
	}
	strayed, next := d.strayed(now)
	if strayed {
		d.registered = false
	}
	switch {
	case !d.described || !d.inPlace() || !d.confirmed:
		return units.Instant{}
	case d.agentOut && now.Reached(d.agentAt):
		d.keepAgent(now) // a daemon lives also while its registration is refused
	case !d.registered && d.nodeRevision == 0 && !d.keyUnique:
		d.checkKey()
	case !d.registered:
		d.putNode()
	case d.agentLease == 0:
		d.grantAgent()
	case !d.agentOut:
		d.putAgent()
	default:
		return loop.Earliest(next, now.Add(d.agentAt-now.Boot))
	}
	return units.Instant{}
}

// describe looks at the machine. It has nothing to do with etcd and may take long: it holds up no lease.
func (d *Daemon) describe(now units.Instant) units.Instant {
	if d.describing {
		return units.Instant{}
	}
	if !now.Reached(d.describeAt) {
		return now.Add(d.describeAt - now.Boot)
	}
	d.describing = true
	d.describeAt = now.Boot + describeEvery
	loop.Go(d.o.Executor, "describe", string(d.o.Node), func(ctx context.Context) (units.Node, error) {
		return d.o.Machine.Describe(ctx)
	}, func(now units.Instant, n units.Node, err error) {
		d.describing, d.describeErr = false, err
		if err != nil {
			d.describeAt = now.Boot + registerAgain
			d.o.Logger.Warn().Err(err).Msg("machine could not be described")
			return
		}
		d.described = true
		if !reflect.DeepEqual(n, d.self) {
			d.self, d.registered = n, false
			d.look++
		}
	})
	return units.Instant{}
}

// registration notes a failure and tries again later.
func (d *Daemon) registration(now units.Instant, err error) {
	d.registerErr = err
	d.registerAt = now.Boot + registerAgain
	d.o.Logger.Warn().Err(err).Msg("registration failed")
}

// putNode writes the registration, in the node's tenure and over what was read, so that of two
// machines with one name the second never replaces the first.
func (d *Daemon) putNode() {
	d.registering = true
	key, alive := d.o.Keys.Node(d.o.Node), d.o.Keys.Alive(d.o.Node)
	self, tenure, known, extra := d.self, d.place.Tenure, d.nodeRevision, d.nodeExtra
	loop.Go(d.o.Executor, "register", key, func(ctx context.Context) (registry.TxnResult, error) {
		value, err := registry.Encode(self, extra)
		if err != nil {
			return registry.TxnResult{}, err
		}
		return d.o.KV.Txn(ctx, registry.Txn{
			If: []registry.Compare{
				{Key: alive, Target: registry.CreateRevision, Number: tenure},
				{Key: key, Target: registry.ModRevision, Number: known},
			},
			Then: []registry.Op{{Kind: registry.OpPut, Key: key, Value: value}},
			Else: []registry.Op{{Kind: registry.OpRange, Key: key}},
		})
	}, func(now units.Instant, r registry.TxnResult, err error) {
		d.registering = false
		switch {
		case err != nil:
			d.registration(now, err)
		case r.Succeeded:
			// Unless another tenure began, or the machine became another, while this was written.
			d.registered = tenure == d.place.Tenure && reflect.DeepEqual(self, d.self)
			d.nodeRevision, d.registerErr = r.Revision, nil
			d.registeredAt, d.registeredIn = now.Boot, tenure
			d.answered(now)
			d.o.Logger.Info().Int64("tenure", tenure).Msg("node registered")
		default:
			d.reread(now, key, r.Results[0].Range.KVs)
		}
	})
}

// errPinned: another machine registered under this name first.
var errPinned = errors.New("another machine's key is pinned for this name")

func (d *Daemon) reread(now units.Instant, key string, kvs []registry.KeyValue) {
	d.guardAt = 0
	before := d.nodeRevision
	d.nodeRevision, d.nodeExtra = 0, registry.Extra{}
	if len(kvs) == 0 {
		// What comes is a first registration, unless a hand took away what this tenure's was.
		d.keyUnique = d.registeredIn == d.place.Tenure
		if before == 0 {
			d.registerAt = now.Boot + guardEvery
		}
		return
	}
	there, extra, err := registry.Decode[units.Node](key, kvs[0].Value)
	switch {
	case err != nil && d.replaceable(kvs[0].Value):
		d.nodeRevision = kvs[0].ModRevision
	case err != nil:
		d.registration(now, fmt.Errorf("%w: whose name this is cannot be told: remove the key if it is this machine's", err))
	case there.Key != d.self.Key:
		d.registeredIn = 0
		d.registration(now, fmt.Errorf("%w: give this machine another name, or run: nsched nodes forget %s", errPinned, d.o.Node))
	default:
		if before == kvs[0].ModRevision {
			// The registration is as read, so it is the tenure that is not ours any more.
			d.registerAt = now.Boot + guardEvery
		}
		d.nodeRevision, d.nodeExtra = kvs[0].ModRevision, extra
	}
}

func (d *Daemon) grantAgent() {
	d.registering = true
	loop.Go(d.o.Executor, "grant", string(d.o.Node), func(ctx context.Context) (registry.Lease, error) {
		return d.o.KV.Grant(ctx, agentTTL)
	}, func(now units.Instant, l registry.Lease, err error) {
		d.registering = false
		if err != nil {
			d.registration(now, err)
			return
		}
		d.agentLease, d.agentOut = l.ID, false
	})
}

// putAgent says that a daemon lives. It compares what it replaces: a late write of an earlier daemon
// would hang the key on a lease that nobody renews.
func (d *Daemon) putAgent() {
	d.registering = true
	key, lease, tenure, known := d.o.Keys.Agent(d.o.Node), d.agentLease, d.place.Tenure, d.agentMod
	agent := units.Agent{BootID: d.o.BootID, Version: d.o.Version}
	loop.Go(d.o.Executor, "agent", key, func(ctx context.Context) (registry.TxnResult, error) {
		value, err := registry.Encode(agent, registry.Extra{})
		if err != nil {
			return registry.TxnResult{}, err
		}
		return d.o.KV.Txn(ctx, registry.Txn{
			If: []registry.Compare{
				{Key: d.o.Keys.Alive(d.o.Node), Target: registry.CreateRevision, Number: tenure},
				{Key: key, Target: registry.ModRevision, Number: known},
			},
			Then: []registry.Op{{Kind: registry.OpPut, Key: key, Value: value, Lease: lease}},
			Else: []registry.Op{{Kind: registry.OpRange, Key: key}},
		})
	}, func(now units.Instant, r registry.TxnResult, err error) {
		d.registering = false
		switch {
		case errors.Is(err, registry.ErrLeaseNotFound):
			d.agentLease = 0
		case err != nil:
			d.registration(now, err)
		case r.Succeeded:
			d.agentOut = tenure == d.place.Tenure
			d.agentAt, d.agentMod, d.registerErr = now.Boot+agentEvery, r.Revision, nil
		default:
			there := int64(0)
			for _, kv := range r.Results[0].Range.KVs {
				there = kv.ModRevision
			}
			if there == known {
				// The key is as read, so it is the tenure that is not ours any more.
				d.guardAt = 0
				d.registerAt = now.Boot + guardEvery
			}
			d.agentMod = there
		}
	})
}

func (d *Daemon) keepAgent(now units.Instant) {
	d.registering = true
	d.agentAt = now.Boot + agentEvery
	lease := d.agentLease
	loop.Go(d.o.Executor, "keepalive", string(d.o.Node), func(ctx context.Context) (registry.Lease, error) {
		return d.o.KV.KeepAlive(ctx, lease)
	}, func(now units.Instant, _ registry.Lease, err error) {
		d.registering = false
		if err == nil || errors.Is(err, registry.ErrLeaseNotFound) {
			d.answered(now)
		}
		if errors.Is(err, registry.ErrLeaseNotFound) {
			d.agentLease, d.agentOut = 0, false
		}
	})
}
