package diff

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/nsched/nsched/units"
)

// Silence tells an address that was given up from one of which nothing is heard. The zero Silence hears
// everything.
type Silence struct {
	apps  map[string]*quiet // by Tag
	lost  map[netip.Addr]bool
	nodes bool // a registration could not be read: any address may be a lost node's
}

// quiet is what is known of one app.
type quiet struct {
	id    units.AppID
	at    map[netip.Addr]bool
	ended bool
}

// NewSilence returns what a fleet does not say.
func NewSilence(f Fleet) Silence {
	s := Silence{apps: map[string]*quiet{}, lost: map[netip.Addr]bool{}, nodes: f.Unclear.Nodes}
	app := func(id units.AppID) *quiet {
		q := s.apps[Tag(id)]
		if q == nil {
			q = &quiet{id: id, at: map[netip.Addr]bool{}}
			s.apps[Tag(id)] = q
		}
		return q
	}
	for _, u := range f.Silent {
		q := app(u.Unit.AppID())
		for _, a := range u.Addresses {
			q.at[a.Unmap()] = true
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(f.Ended), units.AppID.Compare) {
		app(id).ended = f.Ended[id]
	}
	for _, id := range slices.SortedFunc(maps.Keys(f.Unclear.Apps), units.AppID.Compare) {
		app(id)
	}
	for _, l := range f.Live {
		app(l.Unit.AppID())
	}
	for _, a := range f.Lost {
		s.lost[a.Unmap()] = true
	}
	return s
}

// about says that a record is unwanted only because nothing is heard of what it points to. A record that
// holds no address is silent when anything of its app is: appSilent says so of the app's addresses.
func (s Silence) about(e Existing, appSilent bool) bool {
	q := s.apps[e.Owner.App]
	if q != nil && q.ended {
		return false
	}
	if s.nodes {
		return true
	}
	if isAddress(e.Type) {
		return s.lost[e.Data.Addr] || q != nil && q.at[e.Data.Addr]
	}
	return appSilent || q != nil && len(q.at) > 0
}

// unclear says that something of the app with the tag cannot be read.
func (s Silence) unclear(u Unclear, tag string) bool {
	q := s.apps[tag]
	return q != nil && u.Apps[q.id]
}

// Muted are the addresses of muted units, by app.
type Muted map[units.AppID]map[netip.Addr]bool

// NewMuted returns those of a fleet. An app that a person has ended has none.
func NewMuted(f Fleet) Muted {
	m := Muted{}
	for _, u := range f.Silent {
		id := u.Unit.AppID()
		if !u.Muted || f.Ended[id] {
			continue
		}
		if m[id] == nil {
			m[id] = map[netip.Addr]bool{}
		}
		for _, a := range u.Addresses {
			m[id][a.Unmap()] = true
		}
	}
	return m
}
