package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

// scope is what a verb reads: everything under the prefixes, and single keys.
type scope struct{ prefixes, keys []string }

// read returns what the scope holds at one revision, the newest.
func (c cluster) read(ctx context.Context, w scope) (*registry.Snapshot, error) {
	return registry.ReadSnapshot(ctx, c.KV, c.keys, slices.Concat(w.prefixes, w.keys)...)
}

// follow calls each with what the scope holds, whole at one revision, and again whenever it has changed
// and, if every is not 0, at least that often. It returns when each says that it is done, when each
// fails, or with ctx. An etcd that goes away meanwhile is waited for: unheard is told once when it does.
func (c cluster) follow(
	ctx context.Context, w scope, every time.Duration, unheard func(error), each func(*registry.Snapshot) (done bool, err error),
) error {
	mail := loop.NewMailbox()
	life, end := context.WithCancel(ctx)
	pool := loop.NewPool(life, mail)
	defer pool.Wait()
	defer end()
	store := registry.NewStore(c.keys)
	view, err := registry.NewView(registry.ViewOptions{
		KV: c.KV, Exec: pool, Mail: mail, Sink: store, Prefixes: w.prefixes, Keys: w.keys,
		Log: zerolog.Nop(),
	})
	if err != nil {
		return fmt.Errorf("watch the registry: %w", err)
	}
	defer view.Close()
	const longest = time.Second
	timer := time.NewTimer(longest)
	defer timer.Stop()
	var seen int64
	var last time.Time
	var told bool
	for {
		now := loop.Now()
		mail.Apply(now)
		next, err := view.Step(life, now)
		if err != nil {
			return fmt.Errorf("watch the registry: %w", err)
		}
		if state := view.State(now); state.Err != nil && !told && unheard != nil {
			told = true
			unheard(state.Err)
		} else if state.Err == nil {
			told = false
		}
		snapshot := store.Snapshot()
		due := every > 0 && time.Since(last) >= every
		if snapshot.Revision() > 0 && (snapshot.Revision() != seen || due) {
			seen, last = snapshot.Revision(), time.Now()
			if done, err := each(snapshot); done || err != nil {
				return err
			}
		}
		nap := longest
		if every > 0 {
			nap = min(nap, every)
		}
		if next.Boot != 0 {
			nap = min(nap, max(0, next.Boot-loop.Now().Boot))
		}
		timer.Reset(nap)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-mail.Wake():
		case <-timer.C:
		}
	}
}

// show prints what a scope holds; with --watch again whenever that has changed. render is told the
// snapshot and whether it is a repetition.
func (s *session) show(ctx context.Context, c cluster, w scope, render func(*registry.Snapshot) error) error {
	if !s.flags.watch {
		snapshot, err := c.read(ctx, w)
		if err != nil {
			return err
		}
		return render(snapshot)
	}
	if _, err := c.read(ctx, scope{keys: []string{c.keys.Cluster()}}); err != nil {
		return err // rather than wait for a cluster that was never there
	}
	return c.follow(ctx, w, 0, s.unheard, func(snapshot *registry.Snapshot) (bool, error) {
		if !s.structured() && terminal(s.out) {
			_, _ = fmt.Fprint(s.out, "\x1b[H\x1b[2J") // home, and clear
		}
		return false, render(snapshot)
	})
}

// unheard tells that the registry went away while something is followed.
func (s *session) unheard(err error) {
	_, _ = fmt.Fprintf(s.errs, "nsched: the registry does not answer (%s); still waiting\n", plainLine(err.Error()))
}
