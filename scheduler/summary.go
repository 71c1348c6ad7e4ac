package scheduler

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

// An app's summary is written once in summaryEvery in the long run, and up to summaryBurst times
// summaryApart: from placed over fetching, starting and running to healthy it may take a fifth of a
// second, and people wait for the last.
const (
	summaryEvery = time.Second
	summaryApart = 50 * time.Millisecond
	summaryBurst = 6
	// summariesAtOnce bounds how many apps are looked at in one pass: the leader has its lease to renew.
	summariesAtOnce = 500
)

// summaries are the groups that make summary/ say what the latest plan and the nodes say, of the apps
// that have changed since their last summary.
func (s *Scheduler) summaries(now units.Instant) ([]registry.Group, units.Instant) {
	var groups []registry.Group
	var next units.Instant
	looked := 0
	for _, id := range slices.SortedFunc(maps.Keys(s.stale), units.AppID.Compare) {
		if looked == summariesAtOnce {
			return groups, now
		}
		a := s.world.apps[id]
		if a == nil {
			delete(s.stale, id)
			continue
		}
		if due := max(a.summaryDue, a.summariesPaid-(summaryBurst-1)*summaryEvery); now.Boot < due {
			next = loop.Earliest(next, s.wish(now, due))
			continue
		}
		looked++
		delete(s.stale, id)
		changed := s.summary(id, a)
		if len(changed) > 0 {
			a.summaryDue, a.summariesPaid = now.Boot+summaryApart, max(a.summariesPaid, now.Boot)+summaryEvery
		}
		groups = append(groups, changed...)
		groups = append(groups, s.retire(id, a)...)
	}
	return groups, next
}

// summary is what has to be written for one app.
func (s *Scheduler) summary(id units.AppID, a *appFacts) []registry.Group {
	want := placement.Summaries(a.placement(id), s.world.unitsOf(id), s.said[id])
	for chunk := range a.summaries { // order-free: it fills a map
		if _, ok := want[chunk]; !ok {
			want[chunk] = units.Summary{}
		}
	}
	var groups []registry.Group
	for _, chunk := range slices.Sorted(maps.Keys(want)) {
		held := a.summaries[chunk]
		if reflect.DeepEqual(held.value, want[chunk]) && held.rev != 0 && !held.bad || held.rev == 0 && len(want[chunk].Slots) == 0 {
			continue
		}
		key := s.o.Keys.Summary(id, chunk)
		if len(want[chunk].Slots) == 0 {
			groups = append(groups, registry.Group{
				If:   []registry.Compare{{Key: key, Target: registry.ModRevision, Number: held.rev}},
				Then: []registry.Op{{Kind: registry.OpDelete, Key: key}},
			})
			continue
		}
		g, err := s.put(key, held.rev, want[chunk], held.extra)
		if err != nil {
			s.o.Logger.Error().Err(err).Str("app", id.String()).Msg("summary could not be encoded")
			continue
		}
		groups = append(groups, g)
	}
	return groups
}
