package diff_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/nsched/nsched/dns/diff"
	"github.com/nsched/nsched/units"
)

var apps = []units.AppID{web, {Namespace: "prod", Name: "db"}, {Namespace: "staging", Name: "web"}}

// world is a random zone that keeps the rules of the DNS: nothing stands beside a CNAME, and no record
// is there twice.
type world struct {
	zone diff.Zone
	next int
}

func drawKey(t *rapid.T) diff.Key {
	name := fmt.Sprintf("n%d.example.org", rapid.IntRange(0, 4).Draw(t, "name"))
	addr := fmt.Sprintf("192.0.2.%d", rapid.IntRange(1, 5).Draw(t, "addr"))
	switch rapid.IntRange(0, 6).Draw(t, "type") {
	case 0:
		return cname(name, fmt.Sprintf("t%d.example.net", rapid.IntRange(0, 2).Draw(t, "target")))
	case 1:
		return diff.Key{Name: name, Type: units.DNSTypeTXT, Data: diff.Data{Text: addr}}
	}
	return a(name, addr)
}

// fits says that a key may stand beside others.
func fits(k diff.Key, others []diff.Key) bool {
	for _, o := range others {
		if o == k || o.Name == k.Name && (o.Type == units.DNSTypeCNAME || k.Type == units.DNSTypeCNAME) {
			return false
		}
	}
	return true
}

func drawWorld(t *rapid.T) *world {
	w := &world{zone: diff.Zone{Name: "example.org", Cluster: cluster, Complete: true}}
	var wanted, held []diff.Key
	whose := map[string]units.AppID{}
	for range rapid.IntRange(0, 20).Draw(t, "wants") {
		k := drawKey(t)
		app, ok := whose[k.Name]
		if !ok {
			app = rapid.SampledFrom(apps).Draw(t, "app")
			whose[k.Name] = app
		}
		if fits(k, wanted) {
			wanted = append(wanted, k)
			w.zone.Want = append(w.zone.Want, diff.Record{Key: k, Provider: units.ProviderCloudflare, TTL: 60, App: app})
		}
	}
	owners := []diff.Owner{ours, {Cluster: cluster, App: diff.Tag(apps[1])}, {Cluster: cluster, App: "gone/app"}, ours, theirs, {}}
	for range rapid.IntRange(0, 30).Draw(t, "haves") {
		if k := drawKey(t); fits(k, held) {
			held = append(held, k)
			w.next++
			w.zone.Have = append(w.zone.Have, diff.Existing{
				Key: k, ID: fmt.Sprint(w.next), TTL: rapid.SampledFrom([]int{60, 300}).Draw(t, "ttl"),
				Owner: rapid.SampledFrom(owners).Draw(t, "owner"),
			})
		}
	}
	return w
}

func drawFleet(t *rapid.T) diff.Fleet {
	f := diff.Fleet{Ended: map[units.AppID]bool{}, Unclear: diff.Unclear{Apps: map[units.AppID]bool{}}}
	for i := range 5 {
		addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)})
		if rapid.IntRange(0, 3).Draw(t, "lost") == 0 {
			f.Lost = append(f.Lost, addr)
		}
		for _, app := range apps {
			if rapid.IntRange(0, 5).Draw(t, "mute") == 0 {
				f.Silent = append(f.Silent, diff.Silent{
					Unit: units.UnitID{Namespace: app.Namespace, App: app.Name, Slot: "0", Generation: 1, Attempt: 1}, Addresses: []netip.Addr{addr},
				})
			}
		}
	}
	for _, app := range apps {
		f.Ended[app] = rapid.IntRange(0, 4).Draw(t, "ended") == 0
		f.Unclear.Apps[app] = rapid.IntRange(0, 4).Draw(t, "unclear") == 0
	}
	f.Unclear.Nodes = rapid.IntRange(0, 9).Draw(t, "nodes unclear") == 0
	return f
}

func (w *world) heed(f diff.Fleet) {
	w.zone.Silence, w.zone.Unclear = diff.NewSilence(f), f.Unclear
}

// carry makes the changes as a provider does that has one transaction a name: deletes, updates, creates.
// It fails where a server would refuse.
func (w *world) carry(t *rapid.T, changes []diff.Change) {
	have := map[string]diff.Existing{}
	for _, e := range w.zone.Have {
		have[e.ID] = e
	}
	for _, verb := range []diff.Verb{diff.Delete, diff.Update, diff.Create} {
		for _, c := range changes {
			if c.Verb != verb {
				continue
			}
			if e, ok := have[c.ID]; verb != diff.Create && (!ok || e.Owner.Cluster != cluster) {
				t.Fatalf("%s of %q, which is not ours", verb, c.ID)
			}
			delete(have, c.ID)
			if verb == diff.Delete {
				continue
			}
			var keys []diff.Key
			for _, e := range have {
				keys = append(keys, e.Key)
			}
			if !fits(c.Record.Key, keys) {
				t.Fatalf("%s of %s is refused: something is in its place", verb, c.Record)
			}
			id := c.ID
			if verb == diff.Create {
				w.next++
				id = fmt.Sprint(w.next)
			}
			have[id] = diff.Existing{Key: c.Record.Key, ID: id, TTL: c.Record.TTL, Proxied: c.Record.Proxied, Owner: c.Owner}
		}
	}
	w.zone.Before = len(w.zone.Have)
	w.zone.Have = slices.Collect(maps.Values(have))
}

func count(changes []diff.Change, v diff.Verb) (n int) {
	for _, c := range changes {
		if c.Verb == v {
			n++
		}
	}
	return n
}

// removed returns the records that a plan makes disappear: deleted, or changed into others.
func (w *world) removed(p diff.Plan) (gone []diff.Existing) {
	for _, c := range p.Changes {
		for _, e := range w.zone.Have {
			if e.ID == c.ID && c.Verb != diff.Create && (c.Verb == diff.Delete || c.Record.Key != e.Key) {
				gone = append(gone, e)
			}
		}
	}
	return gone
}

func (w *world) wants(key diff.Key) bool {
	return slices.ContainsFunc(w.zone.Want, func(r diff.Record) bool { return r.Key == key })
}

func TestAPlanKeepsToItsRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, f := drawWorld(t), drawFleet(t)
		w.heed(f)
		w.zone.Frozen = rapid.IntRange(0, 4).Draw(t, "frozen") == 0
		w.zone.Empty = rapid.IntRange(0, 9).Draw(t, "empty") == 0
		w.zone.Complete = rapid.IntRange(0, 9).Draw(t, "complete") > 0
		p := diff.Make(w.zone)
		gone := w.removed(p)
		switch {
		case !w.zone.Complete && len(p.Changes) > 0:
			t.Fatalf("a partial read leads to %v", p.Changes)
		case (w.zone.Frozen || w.zone.Empty) && len(gone) > 0:
			t.Fatalf("frozen or empty, and %v go", gone)
		case count(p.Changes, diff.Delete) > diff.DeleteLimit(p.Owned):
			t.Fatalf("%d of %d records are deleted in one pass", count(p.Changes, diff.Delete), p.Owned)
		}
		for _, e := range gone {
			switch {
			case w.wants(e.Key):
				t.Fatalf("%v is wanted and goes", e)
			case slices.ContainsFunc(apps, func(app units.AppID) bool { return f.Unclear.Apps[app] && diff.Tag(app) == e.Owner.App }):
				t.Fatalf("%v goes, and its app cannot be read", e)
			}
			w.mayFallSilent(t, f, e)
		}
		w.carry(t, p.Changes)
	})
}

// mayFallSilent fails when an address goes for silence and no live record is there in its place.
func (w *world) mayFallSilent(t *rapid.T, f diff.Fleet, e diff.Existing) {
	app := slices.IndexFunc(apps, func(app units.AppID) bool { return diff.Tag(app) == e.Owner.App })
	if e.Type != units.DNSTypeA || app >= 0 && f.Ended[apps[app]] {
		return
	}
	silent := f.Unclear.Nodes || slices.Contains(f.Lost, e.Data.Addr)
	for _, s := range f.Silent {
		silent = silent || app >= 0 && s.Unit.AppID() == apps[app] && s.Addresses[0] == e.Data.Addr
	}
	if !silent {
		return
	}
	for _, r := range w.zone.Want {
		there := slices.ContainsFunc(w.zone.Have, func(o diff.Existing) bool { return o.Key == r.Key })
		if r.Name == e.Name && (there && r.Type == e.Type || r.Type == units.DNSTypeCNAME) {
			return
		}
	}
	t.Fatalf("%s of %v goes for silence, and nothing live stays", e.Value(), e.Name)
}

func TestPassesComeToRestAndThenTheZoneIsAsWanted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		quiet := rapid.Bool().Draw(t, "quiet")
		if !quiet {
			w.heed(drawFleet(t))
		}
		var p diff.Plan
		for pass := 0; ; pass++ {
			if p = diff.Make(w.zone); len(p.Changes) == 0 {
				break
			}
			if pass > 30 {
				t.Fatalf("still not at rest: %v", p.Changes)
			}
			w.carry(t, p.Changes)
		}
		if !quiet {
			return
		}
		inTheWay := map[string]bool{}
		for _, problem := range p.Problems {
			inTheWay[problem.Name] = true
		}
		var got, should []diff.Key
		for _, e := range w.zone.Have {
			if e.Owner.Cluster == cluster && !inTheWay[e.Name] {
				got = append(got, e.Key)
			}
		}
		for _, r := range w.zone.Want {
			if !inTheWay[r.Name] {
				should = append(should, r.Key)
			}
		}
		slices.SortFunc(got, diff.Key.Compare)
		slices.SortFunc(should, diff.Key.Compare)
		if d := cmp.Diff(should, got, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{})); d != "" {
			t.Fatal(d)
		}
	})
}

func TestTheOrderOfTheInputDoesNotMatterToAPlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.heed(drawFleet(t))
		before := diff.Make(w.zone)
		w.zone.Want = rapid.Permutation(w.zone.Want).Draw(t, "want")
		w.zone.Have = rapid.Permutation(w.zone.Have).Draw(t, "have")
		if d := cmp.Diff(before, diff.Make(w.zone), cmpopts.EquateComparable(netip.Addr{})); d != "" {
			t.Fatal(d)
		}
	})
}

// Two clusters that want the same names of one zone take turns, each seeing what the other did.
func TestTwoClustersOnOneZoneNeverTouchEachOthersRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		other := drawWorld(t).zone.Want
		for turn := range 12 {
			z := w.zone
			if turn%2 == 1 {
				z.Cluster, z.Want = "c2", other
			}
			p := diff.Make(z)
			for _, c := range p.Changes {
				if c.Owner.Cluster != z.Cluster {
					t.Fatalf("%s changes %+v", z.Cluster, c)
				}
			}
			if z.Cluster == cluster {
				w.carry(t, p.Changes)
				continue
			}
			swap(w.zone.Have)
			for i := range p.Changes {
				p.Changes[i].Owner.Cluster = cluster
			}
			w.carry(t, p.Changes)
			swap(w.zone.Have)
		}
	})
}

// swap makes each cluster's records the other's, so that carry may judge either.
func swap(have []diff.Existing) {
	for i := range have {
		switch have[i].Owner.Cluster {
		case cluster:
			have[i].Owner.Cluster = "c2"
		case "c2":
			have[i].Owner.Cluster = cluster
		}
	}
}
