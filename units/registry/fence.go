package registry

import (
	"context"
	"errors"
	"strings"

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
// It compares, too, that no candidate's key is older. In one history of etcd that is so for as long as the
// own key lives. A restored etcd, though, may bring back the key of an earlier leader beside the own one, as it
// was: both would write. Nothing is written then until the older key has gone; see outranked.
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
	if !t.same(last.term) {
		return fence{term: t, mod: t.ModRevision, floor: t.Since, phase: fenceOpen}
	}
	if last.phase == fenceNone {
		last.phase, last.asking = fenceProclaiming, false
	}
	last.floor = max(last.floor, t.Since)
	return last
}

// fenceCompares is how many comparisons the fence is.
const fenceCompares = 2

// MaxCompares is how many comparisons a Group may have.
const MaxCompares = MaxOps - fenceCompares

// conditions are what every write compares.
func (f fence) conditions() []Compare {
	own := Compare{Key: f.term.Key, Target: ModRevision, Number: f.mod}
	if planted.On(planted.CreateRevisionFence) { // breaks: a write of this term that lands late is applied
		own = Compare{Key: f.term.Key, Target: CreateRevision, Number: f.term.CreateRevision}
	}
	all := f.candidates()
	return []Compare{own, {Key: all.Key, End: all.End, Target: CreateRevision, Relation: Greater, Number: f.term.CreateRevision - 1}}
}

// candidates reads the keys of all who campaign, for whoever's comparisons failed.
func (f fence) candidates() Op {
	prefix := f.term.Key[:strings.LastIndexByte(f.term.Key, '/')+1]
	return Op{Kind: OpRange, Key: prefix, End: PrefixEnd(prefix)}
}

// place finds the term's own key among the candidates', zero if it is not there, and those that are older.
func (f fence) place(candidates RangeResult) (own KeyValue, older []KeyValue) {
	for _, kv := range candidates.KVs {
		switch {
		case kv.Key == f.term.Key:
			own = kv
		case kv.CreateRevision < f.term.CreateRevision:
			older = append(older, kv)
		}
	}
	return own, older
}

// proclaim puts the leader's key again.
func (c *Committer) proclaim() {
	f := &c.fence
	f.asking = true
	f.ask++
	kv, term, ask := c.o.KV, f.term, f.ask
	txn := Txn{
		If: append(f.conditions(),
			Compare{Key: term.Key, Target: CreateRevision, Number: term.CreateRevision},
			Compare{Key: term.Key, Target: LeaseOf, Number: int64(term.Lease)},
		),
		Then: []Op{{Kind: OpPut, Key: term.Key, Value: term.Value, Lease: term.Lease}},
		Else: []Op{f.candidates()},
	}
	loop.Go(c.o.Exec, "proclaim", term.Key, func(ctx context.Context) (TxnResult, error) {
		return kv.Txn(ctx, txn)
	}, func(now units.Instant, res TxnResult, err error) {
		if c.fence.term.same(term) && c.fence.phase == fenceProclaiming && c.fence.ask == ask {
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
		own, older := f.place(res.Results[0].Range)
		if !f.term.owns(own) {
			c.fenced(now, "the leader's key is gone or another's")
			return
		}
		f.mod = own.ModRevision
		if len(older) > 0 {
			c.outranked(now, older)
		}
	}
}

// clearMost is how many keys are cleared at once.
const clearMost = 64

// outranked waits for the older candidates' keys to go. What hangs on a lease of its own goes with that; the
// election counts nothing else (see electionSink), and nobody but a hand has put it there, so it is taken
// away: one bad key must not stop the cluster.
func (c *Committer) outranked(now units.Instant, older []KeyValue) {
	c.retryAt = now.Boot + c.retry.next()
	c.log.Warn().Int64("term", c.fence.term.CreateRevision).Int("older", len(older)).Msg("writes nothing: there are older keys of candidates")
	txn := Txn{If: []Compare{{Key: c.fence.term.Key, Target: ModRevision, Number: c.fence.mod}}}
	for _, kv := range older {
		if !stands(kv) && len(txn.Then) < clearMost {
			txn.If = append(txn.If, Compare{Key: kv.Key, Target: ModRevision, Number: kv.ModRevision})
			txn.Then = append(txn.Then, Op{Kind: OpDelete, Key: kv.Key})
		}
	}
	if len(txn.Then) == 0 {
		return
	}
	kv := c.o.KV
	loop.Go(c.o.Exec, "clear", txn.Then[0].Key, func(ctx context.Context) (TxnResult, error) {
		return kv.Txn(ctx, txn)
	}, func(units.Instant, TxnResult, error) {}) // the next attempt to proclaim sees what came of it
}

// stands reports whether a candidate's key hangs on the lease that it names.
func stands(kv KeyValue) bool {
	return kv.Lease != 0 && kv.Key[strings.LastIndexByte(kv.Key, '/')+1:] == leaseText(kv.Lease)
}

// first returns the one key of a range of one key, zero if it does not exist.
func first(r RangeResult) KeyValue {
	if len(r.KVs) == 0 {
		return KeyValue{}
	}
	return r.KVs[0]
}
