package dns

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nsched/nsched/dns/diff"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
)

type zoneKey struct {
	provider units.DNSProvider
	name     string
}

type zonePhase int

const (
	phaseResting zonePhase = iota
	phaseIdle
	phaseListing
	phaseApplying
)

// String names the phase.
func (p zonePhase) String() string { return [...]string{"resting", "idle", "listing", "applying"}[p] }

// zone is one zone of a provider.
type zone struct {
	zoneKey
	s      *Syncer
	server Provider

	want     []diff.Record
	phase    zonePhase
	due      time.Duration // boot time of the next pass
	earliest time.Duration // boot time before which none begins, whatever changes
	asked    time.Duration // boot time at which the zone was last asked for
	failures int           // in a row
	before   int           // records at the last read
	again    bool          // the plan wants another pass
	dirty    bool          // something has changed since the plan was made

	version  int   // of want
	basis    basis // of the plan under way
	batches  [][]diff.Change
	refused  map[string]refusal // by name
	problems []diff.Problem
	status   Status
}

// basis is what a plan was made of besides the zone's records.
type basis struct {
	version int
	frozen  bool
}

func newZone(s *Syncer, p units.DNSProvider, name string) *zone {
	return &zone{
		zoneKey: zoneKey{p, name}, s: s, server: s.o.Providers[p], refused: map[string]refusal{},
		status: Status{Provider: p, Zone: name},
	}
}

// begin starts a term: a request of another leader may still be under way.
func (z *zone) begin(now units.Instant) {
	z.phase, z.batches, z.failures = phaseIdle, nil, 0
	z.earliest = now.Boot + z.s.o.Settle
	z.due = z.earliest
}

// wants takes in the records that the zone should have.
func (z *zone) wants(now units.Instant, want []diff.Record) {
	if !slices.Equal(z.want, want) {
		z.want = want
		z.version++
		z.hasten(now)
	} else if len(z.status.Kept) > 0 {
		z.hasten(now) // what is known of silence may have changed, and let go what was kept
	}
}

// hasten brings the next pass forward.
func (z *zone) hasten(now units.Instant) {
	z.dirty = true
	z.due = min(z.due, now.Boot+z.s.o.Coalesce)
}

// step begins what is due and returns when it wants to be asked again.
func (z *zone) step(now units.Instant) units.Instant {
	if z.phase != phaseIdle {
		return units.Instant{}
	}
	if at := max(z.due, z.earliest); !now.Reached(at) {
		return now.Add(at - now.Boot)
	}
	if z.s.facts.cluster == "" {
		z.status.Reason = units.Reason{Code: ReasonNoCluster, Message: "the cluster's id cannot be read"}
		z.due = now.Boot + z.s.o.Retry
		return now.Add(z.s.o.Retry)
	}
	z.list(now)
	return units.Instant{}
}

// list reads the zone.
func (z *zone) list(now units.Instant) {
	z.phase, z.asked, z.again = phaseListing, now.Boot, false
	z.status.Passes++
	session, server, name := z.s.session, z.server, z.name
	loop.Go(z.s.o.Exec, "dns-list", string(z.provider)+"/"+name, func(ctx context.Context) ([]diff.Existing, error) {
		return server.List(ctx, name)
	}, func(now units.Instant, have []diff.Existing, err error) {
		switch {
		case session != z.s.session:
		case err != nil:
			z.fail(now, err)
		case now.Boot-z.asked > z.s.o.Stale:
			// The process was paused: what was read may be of long ago.
			z.phase, z.due = phaseIdle, now.Boot
		default:
			z.plan(now, have)
		}
	})
}

// plan decides what to change and begins with it.
func (z *zone) plan(now units.Instant, have []diff.Existing) {
	s := z.s
	s.refresh(now)
	z.basis, z.dirty = basis{z.version, s.frozen}, false
	p := diff.Make(diff.Zone{
		Name: z.name, Cluster: s.facts.cluster, Want: z.want, Have: have, Complete: true, Before: z.before,
		Unclear: s.wish.Unclear, Silence: s.silence, Frozen: s.frozen, Empty: s.empty,
	})
	z.before = len(have)
	z.problems = p.Problems
	z.status.Owned, z.status.Foreign, z.status.Reason = p.Owned, p.Foreign, units.Reason{}
	z.status.Kept = nil
	for _, k := range p.Kept {
		if z.status.Kept == nil {
			z.status.Kept = map[string]int{}
		}
		z.status.Kept[k.Code]++
	}
	changes := z.admit(now, p.Changes)
	// What was changed is read once more, which also goes on with what had to wait for it.
	z.again = len(changes) > 0 || slices.ContainsFunc(p.Problems, func(p diff.Problem) bool {
		return p.Reason.Code == diff.ReasonEmptyRead
	})
	z.status.Pending = len(changes)
	z.batches = cut(changes, max(1, z.server.Limit()))
	z.proceed(now)
}

// proceed applies the next batch, or ends the pass.
func (z *zone) proceed(now units.Instant) {
	s := z.s
	if len(z.batches) > 0 && (z.basis != basis{z.version, s.frozen} || now.Boot-z.asked > s.o.Stale) {
		// The plan is of yesterday: what it deletes may live again.
		z.batches, z.again = nil, true
	}
	if len(z.batches) == 0 {
		z.finish(now)
		return
	}
	batch := z.batches[0]
	z.batches = z.batches[1:]
	z.phase = phaseApplying
	session, server, name := s.session, z.server, z.name
	loop.Go(s.o.Exec, "dns-apply", string(z.provider)+"/"+name, func(ctx context.Context) ([]Outcome, error) {
		return server.Apply(ctx, name, batch), nil
	}, func(now units.Instant, outcomes []Outcome, _ error) {
		if session == z.s.session {
			z.settle(now, batch, outcomes)
		}
	})
}

// finish ends a pass in which nothing failed.
func (z *zone) finish(now units.Instant) {
	z.phase, z.failures = phaseIdle, 0
	z.due = now.Boot + z.s.jitter(z.s.o.Interval)
	for _, name := range sortedKeys(z.refused) {
		z.due = min(z.due, z.refused[name].until)
	}
	if z.again || z.dirty {
		z.hasten(now)
		return
	}
	z.status.Synced = now.Wall
}

// fail ends a pass: it begins anew later, and the zone is read first.
func (z *zone) fail(now units.Instant, err error) {
	o := z.s.o
	wait := o.RetryMax
	if z.failures < 16 {
		wait = min(o.RetryMax, o.Retry<<z.failures)
	}
	reason := units.Reason{Code: ReasonUnreachable, Message: err.Error()}
	if f := (*Failure)(nil); errors.As(err, &f) {
		wait = max(wait, f.After)
		reason.Code, reason.Message = f.Code, f.Err.Error()
		if f.Code == ReasonBudget {
			wait = f.After // nothing is wrong with the provider
		}
	}
	z.rest(now, z.s.jitter(wait), reason)
	z.failures++
}

func (z *zone) rest(now units.Instant, wait time.Duration, reason units.Reason) {
	z.phase, z.batches = phaseIdle, nil
	z.earliest = now.Boot + wait
	z.due = z.earliest
	z.status.Reason = reason
	z.status.Failures++
	z.s.o.Log.Warn().Str("provider", string(z.provider)).Str("zone", z.name).Str("reason", reason.String()).
		Dur("wait", wait).Msg("failed to sync a zone")
}
