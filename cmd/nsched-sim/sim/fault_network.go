package sim

import (
	"math/rand/v2"
	"time"

	"github.com/nsched/nsched/units/registry"
)

// networkFaults are what happens between a host, or all of them, and etcd.
var networkFaults = []Fault{
	{Name: "partition", Weight: 4, Least: time.Second, Most: 2 * time.Minute, Aim: anyHost, Strike: onHost(func(_ *World, _ Strike, h *Host) func() {
		h.Cut(true, true)
		return func() { h.Cut(false, false) }
	})},
	{Name: "one-way partition", Weight: 3, Least: time.Second, Most: time.Minute, Aim: anyHost, Strike: onHost(func(_ *World, s Strike, h *Host) func() {
		to := s.Pick%2 == 0
		h.Cut(to, !to)
		return func() { h.Cut(false, false) }
	})},
	{Name: "slow network", Weight: 2, Least: time.Second, Most: 20 * time.Second, Aim: anyHostOrAll, Strike: linked(func(l *Link) *time.Duration { return &l.Jitter }, 800*time.Millisecond)},
	{Name: "lossy network", Weight: 3, Least: time.Second, Most: 20 * time.Second, Aim: anyHostOrAll, Strike: linked(func(l *Link) *float64 { return &l.Lost }, 0.2)},
	{Name: "late writes", Weight: 5, Least: time.Second, Most: 30 * time.Second, Aim: anyHostOrAll, Strike: linked(func(l *Link) *float64 { return &l.Late }, 0.3)},
	{Name: leaderLate, Weight: 3, Least: time.Second, Most: 30 * time.Second, Aim: anyScheduler, Strike: func(w *World, _ Strike) func() {
		p := w.leading()
		if p == nil {
			return nil
		}
		p.host.Link.Late = 0.5
		return func() { p.host.Link.Late = 0 }
	}},
	{Name: "late answers", Weight: 2, Least: time.Second, Most: 30 * time.Second, Aim: theNodes, Strike: func(w *World, s Strike) func() {
		hosts := w.bound()
		if len(hosts) == 0 {
			return nil
		}
		h := hosts[int(s.Pick)%len(hosts)]
		h.Link.Answers = 4 * time.Second
		return func() { h.Link.Answers = 0 }
	}},
	{Name: "hanging watches", Weight: 2, Least: time.Second, Most: 20 * time.Second, Aim: anyHostOrAll, Strike: linked(func(l *Link) *float64 { return &l.Hang }, 0.2)},
	{Name: "lost watches", Weight: 2, Aim: anyHostOrAll, Strike: func(w *World, s Strike) func() {
		for _, h := range w.hit(s) {
			w.Net.breakWatches(h, registry.ErrUnavailable)
		}
		return nil
	}},
}

// leaderLate makes the writes of whoever leads late: what it decided may be done when another has decided.
const leaderLate = "leader's writes late"

// bound returns the machines that run something that is bound to their tenure, and all of them when none
// does.
func (w *World) bound() (hosts []*Host) {
	var all []*Host
	for _, n := range w.nodes {
		all = append(all, n.Host)
		if list, err := n.Systemd.Bounds().List(); err == nil && len(list) > 0 {
			hosts = append(hosts, n.Host)
		}
	}
	if len(hosts) == 0 {
		return all
	}
	return hosts
}

// anyHostOrAll draws one host, or "" for all of them.
func anyHostOrAll(c Cast, r *rand.Rand) (string, bool) {
	if r.IntN(3) == 0 {
		return "", len(c.Hosts) > 0
	}
	return anyHost(c, r)
}

// hit returns the hosts that a strike names, all of them for "".
func (w *World) hit(s Strike) []*Host {
	if s.Target == "" {
		return w.hosts
	}
	if h := w.host(s.Target); h != nil {
		return []*Host{h}
	}
	return nil
}

// linked makes a part of the hosts' links bad for a while.
func linked[T any](part func(*Link) *T, bad T) func(*World, Strike) func() {
	return func(w *World, s Strike) func() {
		hosts := w.hit(s)
		for _, h := range hosts {
			*part(&h.Link) = bad
		}
		return func() {
			for _, h := range hosts {
				var good T
				*part(&h.Link) = good
			}
		}
	}
}
