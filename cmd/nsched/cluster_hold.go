package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// holderView is a scheduler or a node, and whether it holds.
type holderView struct {
	Who    string `json:"who"` // "node n1", "scheduler s1"
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
	Epoch  int64  `json:"epoch,omitempty"`
	N      int64  `json:"n,omitempty"`
}

// The states of a holder.
const (
	holderHolds   = "holds"
	holderGoesOn  = "goesOn"
	holderUnknown = "unknown"
)

const (
	// holdAnswer is how long one is waited for that is asked whether it holds, and holdAnswers all of them.
	holdAnswer  = 3 * time.Second
	holdAnswers = 15 * time.Second
	holdAsks    = 64 // at once
)

// lookAtHold gathers what is known of who holds: what each has written into etcd when it began to, and
// what those say that can be asked. Who began to hold before the latest acknowledgement hears of it, and
// so does whoever has not seen its epoch.
func (c cluster) lookAtHold(ctx context.Context, a api) (ackView, error) {
	snapshot, err := c.read(ctx, scope{keys: []string{c.keys.Cluster(), c.keys.Clock()}, prefixes: []string{
		c.keys.Under(registry.KindLeader), c.keys.Under(registry.KindNode), c.keys.Under(registry.KindEvent),
	}})
	if err != nil {
		return ackView{}, err
	}
	for bad := range snapshot.Bad(c.keys.Cluster()) {
		if bad.Key == c.keys.Cluster() {
			return ackView{}, fmt.Errorf("acknowledge the restore: %w; mend the key", bad.Err)
		}
	}
	item, ok := snapshot.Item(c.keys.Cluster())
	if !ok {
		return ackView{}, exit(exitFailed, "there is no cluster under %s in this etcd; mind --endpoints and --prefix, or restore a snapshot", c.keys.Prefix())
	}
	v := ackView{read: item.Raw, Holders: []holderView{}}
	v.Cluster, _ = item.Decoded.(units.Cluster)
	v.Clock, _ = registry.Lookup[units.Clock](snapshot, c.keys.Clock())
	told := map[string]holderView{}
	for item := range snapshot.Items(c.keys.Under(registry.KindEvent)) {
		e, _ := item.Decoded.(units.Event)
		if e.Type != units.EventRegression || item.Raw.CreateRevision <= v.read.ModRevision {
			continue
		}
		kind, name, _ := strings.Cut(item.ID.Writer, ".")
		h := holderView{Who: strings.TrimSpace(kind + " " + name), State: holderHolds, Reason: e.Reason.Message, Epoch: e.Epoch}
		if h.Epoch == 0 || v.Cluster.Restored || h.Epoch >= v.Cluster.Epoch {
			told[h.Who] = h
		}
	}
	for _, h := range a.askHolders(ctx, c.askable(snapshot)) {
		if before, ok := told[h.Who]; ok && h.State == holderUnknown {
			h = before
		}
		if h.State == holderHolds && h.Epoch < v.Cluster.Epoch && !v.Cluster.Restored {
			h.State, h.Reason = holderGoesOn, "" // as soon as it has read of the acknowledgement
		}
		delete(told, h.Who)
		v.Holders = append(v.Holders, h)
	}
	for _, h := range told {
		v.Holders = append(v.Holders, h)
	}
	slices.SortFunc(v.Holders, func(x, y holderView) int { return cmp.Compare(x.Who, y.Who) })
	return v, ctx.Err()
}

// question is one to be asked whether it holds.
type question struct {
	who, url string
	name     string
}

// askable are the schedulers and nodes that have registered.
func (c cluster) askable(snapshot *registry.Snapshot) []question {
	var list []question
	for _, l := range registry.All[units.Leader](snapshot, c.keys.Under(registry.KindLeader)) {
		list = append(list, question{who: "scheduler " + l.Name, url: withPath(l.API, "/v1/scheduler"), name: l.Name})
	}
	for key, n := range registry.All[units.Node](snapshot, c.keys.Under(registry.KindNode)) {
		list = append(list, question{who: "node " + string(key.Node), url: withPath(n.API, "/v1/node"), name: string(key.Node)})
	}
	return list
}

func withPath(base, path string) string {
	if base == "" {
		return ""
	}
	return strings.TrimSuffix(base, "/") + path
}

// askHolders asks everyone at once and waits for all, though not for long.
func (a api) askHolders(ctx context.Context, list []question) []holderView {
	ctx, cancel := context.WithTimeout(ctx, holdAnswers)
	defer cancel()
	answers := make([]holderView, len(list))
	var group errgroup.Group
	group.SetLimit(holdAsks)
	for i, q := range list {
		group.Go(func() error { answers[i] = a.askHolder(ctx, q); return nil })
	}
	_ = group.Wait() // none of them fails
	return answers
}

// askHolder asks one.
func (a api) askHolder(ctx context.Context, q question) holderView {
	unknown := func(format string, args ...any) holderView {
		return holderView{Who: q.who, State: holderUnknown, Reason: fmt.Sprintf(format, args...)}
	}
	if q.url == "" {
		return unknown("it has registered no API")
	}
	ctx, cancel := context.WithTimeout(ctx, holdAnswer)
	defer cancel()
	rsp, err := a.request(ctx, http.MethodGet, q.url, nil)
	if err != nil {
		return unknown("%v", err)
	}
	defer func() { _ = rsp.Body.Close() }()
	var said struct {
		Node string         `json:"node"` // of node.Overview
		Name string         `json:"name"` // of scheduler.Overview
		Seen *registry.Seen `json:"seen"`
	}
	if err := json.NewDecoder(rsp.Body).Decode(&said); err != nil || rsp.StatusCode != http.StatusOK || said.Seen == nil {
		return unknown("%s answers %s, and nothing that says it", q.url, rsp.Status)
	}
	if said.Node != q.name && said.Name != q.name {
		return unknown("%s is that of another", q.url)
	}
	h := holderView{Who: q.who, State: holderGoesOn, Reason: said.Seen.Held, Epoch: said.Seen.Epoch, N: said.Seen.N}
	if said.Seen.Held != "" {
		h.State = holderHolds
	}
	return h
}
