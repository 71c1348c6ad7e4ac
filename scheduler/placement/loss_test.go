package placement_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
)

// sightings reads one word per node:
//
//	up       alive, asked, with time left      down     lost in this term
//	late     alive, with little time left      absent   lost before this term
//	unasked  alive, not asked                  recorded lost, and on record
//	daemon   alive, its daemon is down         sure     lost, and confirmed
//	fenced   alive, told to give up its tenure gave up  lost, having been told so
//	copy     alive, with the key of another    just gone lost a moment ago
func sightings(words ...string) []placement.Sighting {
	var list []placement.Sighting
	for i, word := range words {
		s := placement.Sighting{Node: units.NodeName(fmt.Sprintf("n%02d", i)), Tenure: 100, Seen: true, Asked: true, Remaining: 14 * time.Second, GoneFor: time.Second}
		s.Alive, s.Agent = true, true
		switch word {
		case "late":
			s.Remaining = 10 * time.Second
		case "unasked":
			s.Asked = false
		case "daemon":
			s.Agent = false
		case "tired":
			s.Agent, s.AgentDownFor = false, time.Hour
		case "down":
			s.Alive, s.Agent = false, false
		case "just gone":
			s.Alive, s.Agent, s.GoneFor = false, false, 300*time.Millisecond
		case "absent":
			s.Alive, s.Agent, s.Seen = false, false, false
		case "recorded":
			s.Alive, s.Agent, s.Seen, s.Recorded, s.LostAtMs = false, false, false, 100, 5
		case "fenced":
			s.Recorded = 100
		case "gave up":
			s.Alive, s.Agent, s.Recorded = false, false, 100
		case "copy":
			s.CopyOf = "n00"
		case "before":
			s.Alive, s.Agent, s.Recorded = false, false, 99
		case "sure":
			s.Alive, s.Agent, s.Seen, s.Confirmed = false, false, false, 100
		}
		list = append(list, s)
	}
	return list
}

func TestLost(t *testing.T) {
	for _, test := range []struct {
		name   string
		age    time.Duration
		nodes  []string
		want   []string
		frozen bool
		ask    bool
		again  time.Duration
	}{
		{name: "all is well", nodes: []string{"up", "up"}, want: []string{"ready", "ready"}},
		{name: "one of two is replaced", age: time.Hour, nodes: []string{"down", "up"}, want: []string{"lost!", "ready"}},
		{name: "one of three is replaced", age: time.Hour, nodes: []string{"down", "up", "up"}, want: []string{"lost!", "ready", "ready"}},
		{name: "the only node is lost", age: time.Hour, nodes: []string{"down"}, want: []string{"lost!"}},
		{name: "two of three freeze", age: time.Hour, nodes: []string{"down", "down", "up"}, want: []string{"frozen", "frozen", "ready"}, frozen: true},
		{name: "two of six are no more than a third", age: time.Hour, nodes: []string{"down", "down", "up", "up", "up", "up"}, want: []string{"lost!", "lost!", "ready", "ready", "ready", "ready"}},
		{name: "two of five freeze", age: time.Hour, nodes: []string{"down", "down", "up", "up", "up"}, want: []string{"frozen", "frozen", "ready", "ready", "ready"}, frozen: true},
		{name: "a lease that is about to end counts as lost and is not", age: time.Hour, nodes: []string{"down", "late", "up"}, want: []string{"frozen", "ready", "ready"}, frozen: true},
		{name: "the others are asked before one is evicted", age: time.Hour, nodes: []string{"down", "unasked", "up"}, want: []string{"unknown", "ready", "ready"}, ask: true},
		{name: "one that has just gone may be back", age: time.Hour, nodes: []string{"just gone", "unasked", "up"}, want: []string{"unknown", "ready", "ready"}, again: 700 * time.Millisecond},
		{name: "one that has just gone counts for the brake", age: time.Hour, nodes: []string{"just gone", "down", "up", "up", "up"}, want: []string{"frozen", "frozen", "ready", "ready", "ready"}, frozen: true},
		{name: "nobody is asked while all is well", age: time.Hour, nodes: []string{"unasked", "unasked"}, want: []string{"ready", "ready"}},
		{name: "nobody is asked for a loss on record", age: time.Hour, nodes: []string{"recorded", "unasked"}, want: []string{"lost", "ready"}},
		{name: "a new leader waits for what it has never seen", age: 4 * time.Second, nodes: []string{"absent", "up", "up"}, want: []string{"unknown", "ready", "ready"}, again: 11 * time.Second},
		{name: "a new leader waits one TTL", age: 15 * time.Second, nodes: []string{"absent", "up", "up"}, want: []string{"lost!", "ready", "ready"}},
		{name: "a new leader does not wait for a loss on record", age: time.Second, nodes: []string{"recorded", "up", "up"}, want: []string{"lost", "ready", "ready"}},
		{name: "a new leader does not wait for a loss that it saw itself", age: time.Second, nodes: []string{"down", "up", "up"}, want: []string{"lost!", "ready", "ready"}},
		{name: "the record of an earlier tenure says nothing of this one", age: time.Hour, nodes: []string{"before", "down", "up"}, want: []string{"frozen", "frozen", "ready"}, frozen: true},
		{name: "a loss on record stays one and counts for the brake", age: time.Hour, nodes: []string{"recorded", "down", "up"}, want: []string{"lost", "frozen", "ready"}, frozen: true},
		{name: "what a person confirmed is lost at once and counts no more", age: time.Second, nodes: []string{"sure", "sure", "down", "up", "up"}, want: []string{"lost!", "lost!", "lost!", "ready", "ready"}},
		{name: "a dead daemon under a live guard", age: time.Hour, nodes: []string{"daemon", "up"}, want: []string{"agentDown", "ready"}, again: 5 * time.Minute},
		{name: "a daemon that was dead for long costs its node the tenure", age: time.Hour, nodes: []string{"tired", "up"}, want: []string{"agentDown+fence", "ready"}},
		{name: "a node that was told to give up its tenure takes nothing until it has another", age: time.Hour, nodes: []string{"fenced", "up"}, want: []string{"unknown", "ready"}},
		{name: "when it has given it up that is put on record", age: time.Hour, nodes: []string{"gave up", "up", "up"}, want: []string{"lost!", "ready", "ready"}},
		{name: "a machine with another's key takes nothing", age: time.Hour, nodes: []string{"up", "copy"}, want: []string{"ready", "unknown"}},
		{name: "dead daemons everywhere are a fault of ours", age: time.Hour, nodes: []string{"tired", "tired", "up"}, want: []string{"agentDown", "agentDown", "ready"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			leases := placement.DefaultLeases()
			leases.TermAge = test.age
			got := placement.Lost(sightings(test.nodes...), leases)
			var words []string
			for _, v := range got.Verdicts {
				word := v.Standing.String()
				if v.Record {
					word += "!"
				}
				if v.Fence {
					word += "+fence"
				}
				words = append(words, word)
				if v.Standing != placement.Ready && v.Why.IsZero() {
					t.Errorf("%s is %s for no reason", v.Node, word)
				}
			}
			if diff := cmp.Diff(test.want, words); diff != "" {
				t.Errorf("verdicts (-want +got):\n%s", diff)
			}
			if got.Frozen != test.frozen || got.Ask != test.ask || got.Again != test.again {
				t.Errorf("frozen %v, ask %v, again %v", got.Frozen, got.Ask, got.Again)
			}
		})
	}
}

func TestLostNeverEvictsMoreThanAThirdThatNobodyVouchesFor(t *testing.T) {
	words := []string{"up", "late", "unasked", "daemon", "tired", "down", "absent", "recorded", "before", "sure", "fenced", "gave up", "copy"}
	rapid.Check(t, func(t *rapid.T) {
		nodes := rapid.SliceOfN(rapid.SampledFrom(words), 1, 12).Draw(t, "nodes")
		leases := placement.DefaultLeases()
		leases.TermAge = time.Duration(rapid.IntRange(0, 30).Draw(t, "age")) * time.Second
		list := sightings(nodes...)
		got := placement.Lost(list, leases)
		fresh := 0
		for i, v := range got.Verdicts {
			if v.Standing == placement.LostNode && list[i].Alive {
				t.Errorf("%s is lost and its key is there", v.Node)
			}
			if v.Standing == placement.LostNode && list[i].Confirmed == 0 && list[i].Recorded != list[i].Tenure {
				fresh++
			}
			if v.Fence && got.Frozen {
				t.Errorf("fences %s while evictions are frozen", v.Node)
			}
		}
		if fresh > 0 && (got.Lost >= 2 && 3*got.Lost > got.Total || got.Ask) {
			t.Errorf("evicts %d of %d, %d being lost", fresh, got.Total, got.Lost)
		}
		shuffled := rapid.Permutation(list).Draw(t, "shuffled")
		if diff := cmp.Diff(got, placement.Lost(shuffled, leases)); diff != "" {
			t.Errorf("another order, another judgement:\n%s", diff)
		}
	})
}

// The story: three of five nodes came back a second apart. When the second was there the third was no
// longer one of too many, and all its units were evicted while it was on its way.
func TestTheLastOfManyThatReturnHasTimeToDoSo(t *testing.T) {
	leases := placement.DefaultLeases()
	leases.TermAge, leases.Thaw = time.Hour, 9*time.Second
	got := placement.Lost(sightings("down", "up", "up", "up", "up", "recorded", "sure"), leases)
	want := []placement.Standing{placement.Frozen, placement.Ready, placement.Ready, placement.Ready, placement.Ready, placement.LostNode, placement.LostNode}
	for i, v := range got.Verdicts {
		if v.Standing != want[i] || v.Standing == placement.Frozen && v.Record {
			t.Errorf("%s is %s, want %s", v.Node, v.Standing, want[i])
		}
	}
	if got.Again != leases.Thaw {
		t.Errorf("it is looked at again in %v", got.Again)
	}
}
