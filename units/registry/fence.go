package registry

import (
	"context"
	"errors"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/planted"
)

// fence is one term's right to write, and how it is regained.
//
//	          unknown outcome                   known result
//	open ---------------------> proclaiming ------------------> open, floor = revision of the proclaim
//	 |                               |
//	 +--- leader key not ours -------+--> fenced (until another term)
//
// Every write compares the leader key's mod revision. It changes only when the key is put again, so a
// write that is under way when a Proclaim takes effect can never be applied afterwards. Comparing the
// create revision, as etcd's own election does, would let it through: the key's life goes on.
//
// A Proclaim may be lost like any write. It compares the mod revision too, so of several only one takes
// effect, and a refused one reads the key: if it is still ours, an earlier one took effect after all, and
// the next one compares what that left. Only one that is known to have succeeded opens the fence.
type fence struct {
	term   Term
	mod    int64 // of the leader's key, as last known
	floor  int64 // plans must stand on state of at least this revision
	phase  fencePhase
	asking bool
	ask    int // numbers the proclaims; what comes of an older one does not count
}

type fencePhase int

const (
	fenceNone fencePhase = iota // no term
	fenceOpen
	fenceProclaiming
	fenceFenced
)

var fenceNames = [...]string{"none", "open", "proclaiming", "fenced"}

// String names the phase.
func (p fencePhase) String() string { return fenceNames[p] }

// raise returns the fence of a term, given the last one. A term that is taken up again proclaims first,
// since nothing is known of what was under way when it was given up.
func raise(last fence, t Term) fence {
	if t.CreateRevision != last.term.CreateRevision {
		return fence{term: t, mod: t.ModRevision, floor: t.Since, phase: fenceOpen}
	}
	if last.phase == fenceNone {
		last.phase, last.asking = fenceProclaiming, false
	}
	last.floor = max(last.floor, t.Since)
	return last
}

// condition is what every write compares.
func (f fence) condition() Compare {
	if planted.On(planted.CreateRevisionFence) { // breaks: a write of this term that lands late is applied
		return Compare{Key: f.term.Key, Target: CreateRevision, Number: f.term.CreateRevision}
	}
	return Compare{Key: f.term.Key, Target: ModRevision, Number: f.mod}
}

// proclaim puts the leader's key again.
func (c *Committer) proclaim() {
	f := &c.fence
	f.asking = true
	f.ask++
	kv, term, ask := c.o.KV, f.term, f.ask
	txn := Txn{
		If: []Compare{
			f.condition(),
			{Key: term.Key, Target: CreateRevision, Number: term.CreateRevision},
			{Key: term.Key, Target: LeaseOf, Number: int64(term.Lease)},
		},
		Then: []Op{{Kind: OpPut, Key: term.Key, Value: term.Value, Lease: term.Lease}},
		Else: []Op{{Kind: OpRange, Key: term.Key}},
	}
	loop.Go(c.o.Exec, "proclaim", term.Key, func(ctx context.Context) (TxnResult, error) {
		return kv.Txn(ctx, txn)
	}, func(now units.Instant, res TxnResult, err error) {
		if c.fence.term.CreateRevision == term.CreateRevision && c.fence.phase == fenceProclaiming && c.fence.ask == ask {
			c.fence.asking = false
			c.proclaimed(now, res, err)
		}
	})
}

func (c *Committer) proclaimed(now units.Instant, res TxnResult, err error) {
	f := &c.fence
	switch {
	case errors.Is(err, ErrLeaseNotFound):
		c.fenced(now, "the lease of the leader's key ended")
		return
	case err != nil:
		// Unknown, or refused for now: the next attempt compares the same revision, and learns.
		c.retryAt = now.Boot + c.retry.next()
		return
	case res.Succeeded:
		f.mod = res.Revision
		f.floor = max(f.floor, f.mod)
		f.phase = fenceOpen
		c.retry.reset()
		c.log.Info().Int64("term", f.term.CreateRevision).Int64("rev", f.mod).Msg("proclaimed the term anew")
	default:
		key := first(res.Results[0].Range)
		if !f.term.owns(key) {
			c.fenced(now, "the leader's key is gone or another's")
			return
		}
		f.mod = key.ModRevision
	}
}

// first returns the one key of a range of one key, zero if it does not exist.
func first(r RangeResult) KeyValue {
	if len(r.KVs) == 0 {
		return KeyValue{}
	}
	return r.KVs[0]
}
