package chaos

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// Overlap is a time in which two units of a singleton ran.
type Overlap struct {
	App           units.AppID
	First, Second cluster.Life
	Lasted        time.Duration
}

// String tells it to people.
func (o Overlap) String() string {
	return fmt.Sprintf("%s for %v: %s on %s until %s, %s on %s from %s", o.App, o.Lasted, o.First.Unit, o.First.Host,
		endText(o.First), o.Second.Unit, o.Second.Host, clockText(o.Second.Start))
}

func endText(l cluster.Life) string {
	if l.End.IsZero() {
		return "now"
	}
	return clockText(l.End)
}

// overlaps compares each life of an app with every other. What has not ended counts until now.
func overlaps(app units.AppID, lives []cluster.Life, now time.Time) []Overlap {
	lives = slices.Clone(lives)
	slices.SortFunc(lives, func(a, b cluster.Life) int { return a.Start.Compare(b.Start) })
	var out []Overlap
	for i, first := range lives {
		end := first.End
		if end.IsZero() {
			end = now
		}
		for _, second := range lives[i+1:] {
			if !second.Start.Before(end) {
				break // they are in the order of their starts
			}
			until := end
			if !second.End.IsZero() && second.End.Before(until) {
				until = second.End
			}
			out = append(out, Overlap{app, first, second, until.Sub(second.Start)})
		}
	}
	return out
}

// Overlaps returns all times so far in which a singleton ran twice, by the witness.
func (s *Stage) Overlaps(apps ...string) []Overlap {
	var out []Overlap
	for _, name := range apps {
		out = append(out, overlaps(appID(name), s.Lives(name), time.Now())...)
	}
	return out
}

// Lives returns what the witness knows of an app.
func (s *Stage) Lives(name string) []cluster.Life {
	return s.Witness.Select(func(l cluster.Life) bool { return of(l.Unit, name) })
}

// tellTime is how much later than a service ends an order may be seen here that was given before: both
// come over sockets of one machine, which is busy.
const tellTime = 100 * time.Millisecond

// Unordered returns the ends of units that nobody ordered, of apps that run on whatever happens: no
// assignment told the unit to stop, and its machine had power.
func (s *Stage) Unordered(from, to time.Time, apps ...string) []cluster.Life {
	ordered := map[units.UnitID]time.Time{}
	for _, e := range s.History.Events() {
		if e.Of.Kind != registry.KindUnit {
			continue
		}
		if _, known := ordered[e.Of.Unit]; !known && s.stops(e) {
			ordered[e.Of.Unit] = e.Seen
		}
	}
	var out []cluster.Life
	for _, name := range apps {
		for _, l := range s.Lives(name) {
			if l.End.IsZero() || l.End.Before(from) || l.End.After(to) || s.dark(l.Host, l.End) {
				continue
			}
			id, err := units.ParseUnitID(l.Unit)
			at, ok := ordered[id]
			if err != nil || !ok || at.After(l.End.Add(tellTime)) {
				out = append(out, l)
			}
		}
	}
	return out
}

const (
	// fenceAfter is when what is bound to a tenure is told to stop, and fenceSlack what all that is
	// not exact may take.
	fenceAfter = 6 * time.Second
	fenceSlack = 500 * time.Millisecond
)

// Tardy returns the units bound to a tenure that ran on for too long on a node that was away from a time to
// another.
func (s *Stage) Tardy(node string, from, to time.Time) []string {
	var out []string
	for name, stop := range bound {
		due := from.Add(fenceAfter + stop + fenceSlack)
		for _, l := range tardy(s.Lives(name), node, from, due, to) {
			out = append(out, fmt.Sprintf("%s on %s until %s and not %s", l.Unit, l.Host, endText(l), clockText(due)))
		}
	}
	slices.Sort(out)
	return out
}

// tardy selects the lives on a node that had begun when it went away and had not ended when they were due.
// A node that was back by then may have been renewed.
func tardy(lives []cluster.Life, node string, from, due, to time.Time) []cluster.Life {
	if due.After(to) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(lives), func(l cluster.Life) bool {
		return l.Host != node || !l.Start.Before(from) || !l.End.IsZero() && !l.End.After(due)
	})
}

// stops says whether an event of an assignment orders a stop.
func (s *Stage) stops(e Event) bool {
	if e.Deleted {
		return true
	}
	a, _, err := registry.Decode[units.Assignment](e.Key, e.Value)
	return err == nil && a.Desired == units.DesiredStop
}

// Evictions returns the stops that were ordered in a time of units of these apps.
func (s *Stage) Evictions(from, to time.Time, apps ...string) []string {
	var out []string
	seen := map[units.UnitID]bool{}
	for _, e := range s.History.Events() {
		id := e.Of.Unit
		if e.Of.Kind != registry.KindUnit || e.Deleted || e.Seen.Before(from) || e.Seen.After(to) || seen[id] || !s.stops(e) {
			continue
		}
		if slices.ContainsFunc(apps, func(name string) bool { return appID(name) == id.AppID() }) {
			seen[id] = true
			out = append(out, fmt.Sprintf("%s on %s at %s", id, e.Of.Node, clockText(e.Seen)))
		}
	}
	return out
}

// Unnamed returns the DNS records that were removed in a time, of these apps.
func (s *Stage) Unnamed(from, to time.Time, apps ...string) []string {
	var out []string
	for _, e := range s.History.Events() {
		if e.Of.Kind != registry.KindSkyDNS || !e.Deleted || e.Seen.Before(from) || e.Seen.After(to) {
			continue
		}
		if slices.ContainsFunc(apps, func(name string) bool { return names(e.Of, name) }) {
			out = append(out, fmt.Sprintf("%s at %s", e.Of.Path, clockText(e.Seen)))
		}
	}
	return out
}

// names reports whether a DNS record is an app's.
func names(record registry.Key, app string) bool {
	return slices.Contains(strings.Split(record.Path, "/"), app)
}

// Named counts the DNS records that an app has now.
func (s *Stage) Named(name string) int {
	s.History.mu.Lock()
	defer s.History.mu.Unlock()
	n := 0
	for key := range s.History.kv {
		k, err := s.History.keys.Parse(key)
		if err == nil && k.Kind == registry.KindSkyDNS && names(k, name) {
			n++
		}
	}
	return n
}

// Lapsed returns the nodes whose tenure has ended in a time.
func (s *Stage) Lapsed(from, to time.Time) []units.NodeName {
	var out []units.NodeName
	for _, e := range s.History.Events() {
		if e.Of.Kind == registry.KindAlive && e.Deleted && !e.Seen.Before(from) && !e.Seen.After(to) && !slices.Contains(out, e.Of.Node) {
			out = append(out, e.Of.Node)
		}
	}
	return out
}
