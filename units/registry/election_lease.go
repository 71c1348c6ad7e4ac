package registry

import (
	"context"
	"errors"
	"strconv"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/planted"
)

func leaseText(id LeaseID) string { return strconv.FormatInt(int64(id), 16) }

// fail waits before the next attempt.
func (e *Election) fail(now units.Instant, err error) {
	e.err = err
	e.retryAt = now.Boot + e.retry.next()
}

// grant asks for a lease. One of which the answer is lost ends by itself.
func (e *Election) grant(now units.Instant) {
	e.granting = true
	kv, ttl, sent := e.o.KV, e.o.TTL, now.Boot
	loop.Go(e.o.Exec, "grant", "", func(ctx context.Context) (Lease, error) {
		return kv.Grant(ctx, ttl)
	}, func(now units.Instant, l Lease, err error) {
		e.granting = false
		if err != nil {
			e.fail(now, err)
			return
		}
		e.lease = l
		e.renewed = sent
		e.believed = sent + l.Granted - e.o.Margin
	})
}

// create makes the own key and reads the others in one transaction. Doing it again finds the key of
// the first time, so a lost answer needs no more than that.
func (e *Election) create() {
	e.creating = true
	session, reloads, kv, id := e.session, e.reloads, e.o.KV, e.lease.ID
	key, prefix := e.o.Keys.Leader(id), e.o.Keys.Under(KindLeader)
	others := Op{Kind: OpRange, Key: prefix, End: PrefixEnd(prefix)}
	txn := Txn{
		If:   []Compare{{Key: key, Target: CreateRevision, Number: 0}},
		Then: []Op{{Kind: OpPut, Key: key, Value: e.value, Lease: id}, others},
		Else: []Op{others},
	}
	loop.Go(e.o.Exec, "campaign", key, func(ctx context.Context) (TxnResult, error) {
		return kv.Txn(ctx, txn)
	}, func(now units.Instant, res TxnResult, err error) {
		if e.session != session {
			return
		}
		e.creating = false
		switch {
		case errors.Is(err, ErrLeaseNotFound):
			e.lose(err, false)
			e.fail(now, err)
		case err != nil:
			e.fail(now, err)
		default:
			e.known(reloads, res.Revision)
			e.created(now, key, res)
		}
	})
}

// known compares an answer with those before. A candidate whose watch was silent while etcd was restored finds its
// view as far as the snapshot and no farther: only that its own key had a later revision tells.
func (e *Election) known(reloads int, revision int64) {
	if reloads != e.reloads {
		return
	}
	e.regressed = e.regressed || revision < e.answered
	e.answered = revision
}

func (e *Election) created(now units.Instant, key string, res TxnResult) {
	keys := res.Results[len(res.Results)-1].Range.KVs
	first := true
	for _, kv := range keys {
		if kv.Key == key && kv.Lease == e.lease.ID {
			e.own = kv
		}
	}
	if e.own.Key == "" { // somebody took the lease from the key
		e.lose(errors.New("the own key hangs on another lease"), true)
		e.fail(now, e.err)
		return
	}
	for _, kv := range keys {
		id, err := e.o.Keys.Parse(kv.Key)
		first = first && (err != nil || id.Lease != kv.Lease || kv.CreateRevision >= e.own.CreateRevision)
	}
	e.err = nil
	e.lost = false
	e.retry.reset()
	if res.Revision < e.view.Revision() {
		// etcd went back in time, and the watch does not know it yet. What is viewed is of another history, in
		// which the own key never was: everything is read anew before anything is made of it.
		e.view.Reload()
		return
	}
	if first {
		e.win(res.Revision)
	}
	e.view.Want(res.Revision)
	e.judge()
}

// renew sends one renewal. The lease lives for its TTL from some moment after this one, if the renewal
// is acknowledged at all.
func (e *Election) renew(now units.Instant) {
	e.renewing++
	e.renewed = now.Boot
	session, kv, id, sent := e.session, e.o.KV, e.lease.ID, now.Boot
	loop.Go(e.o.Exec, "keepalive", leaseText(id), func(ctx context.Context) (Lease, error) {
		return kv.KeepAlive(ctx, id)
	}, func(now units.Instant, _ Lease, err error) {
		if e.session != session {
			return
		}
		e.renewing--
		if planted.On(planted.SessionDone) { // breaks: the lease is believed for longer than etcd keeps it
			sent = now.Boot + e.o.Margin
		}
		switch {
		case errors.Is(err, ErrLeaseNotFound):
			e.lose(err, false)
		case err == nil:
			e.believed = max(e.believed, sent+e.lease.Granted-e.o.Margin)
		}
	})
}

// Resign ends the campaign: the own key is deleted at once, so that a successor need not wait for the
// lease to end. Step goes on until Done.
func (e *Election) Resign() {
	e.resigning = true
	e.retry.reset()
	e.retryAt = 0
}

// Done reports whether a resignation is complete: the key is deleted, or its lease has run out.
func (e *Election) Done() bool { return e.resigned }

// stepResign revokes the lease, which deletes the key, and makes a creation that lands later fail.
func (e *Election) stepResign(now units.Instant) units.Instant {
	end := e.renewed + e.lease.Granted
	switch {
	case e.granting || e.creating:
		// Whatever comes of it, comes soon and is revoked then.
		return units.Instant{}
	case e.lease.ID == 0 || now.Reached(end):
		e.view.Close()
		e.resigned = true
		return units.Instant{}
	case e.revoking:
		return at(now, end)
	case !now.Reached(e.retryAt):
		return at(now, min(e.retryAt, end))
	}
	e.session++ // what is left of renewals does not matter
	e.revoking = true
	kv, id := e.o.KV, e.lease.ID
	loop.Go(e.o.Exec, "revoke", leaseText(id), func(ctx context.Context) (struct{}, error) {
		return struct{}{}, kv.Revoke(ctx, id)
	}, func(now units.Instant, _ struct{}, err error) {
		e.revoking = false
		if err == nil || errors.Is(err, ErrLeaseNotFound) {
			e.lease = Lease{}
			return
		}
		e.fail(now, err)
	})
	return at(now, end)
}
