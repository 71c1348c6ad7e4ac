package placement_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
)

// TestASingletonNeverRunsTwice plays plans on machines that keep the rules of guards, each at the last moment
// that is allowed, while machines are cut off, lose their leases early, die, are forgotten and come back, etcd
// is restored, and people change their minds. No two units of a singleton ever run at one time, and when all
// is well again everything that is wanted runs, and nothing else.
func TestASingletonNeverRunsTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLab(t, "n1", "n2", "n3")
		l.submit(1, l.drawGeneration(t))
		l.submit(2, service("default/web"))
		for range 3 {
			l.work(t)
		}
		for range rapid.IntRange(5, 60).Draw(t, "events") {
			l.disturb(t)
		}
		l.heal()
		l.settled()
	})
}

// box is any, and more often than not one that has to do with the singleton.
func (l *lab) box(t *rapid.T) *box {
	for _, b := range l.boxes {
		for id := range b.running {
			if id.AppID() == mon && rapid.IntRange(0, 2).Draw(t, "at work") > 0 {
				return b
			}
		}
	}
	return l.boxes[rapid.IntRange(0, len(l.boxes)-1).Draw(t, "box")]
}

// disturb lets one thing happen.
func (l *lab) disturb(t *rapid.T) {
	b := l.box(t)
	n := l.registered(b.name)
	switch what := rapid.IntRange(0, 24).Draw(t, "event"); what {
	default:
		l.work(t)
	case 10, 11:
		l.pass(rapid.IntRange(5, 20).Draw(t, "seconds"))
	case 12, 13:
		l.tell("%s is cut off, or not any more: %v", b.name, b.connected)
		b.connected = !b.connected && !b.off
	case 14:
		if l.leases[b.name].tenure != 0 {
			b.connected = b.connected && rapid.Bool().Draw(t, "and knows it")
			l.tell("somebody revokes the lease of %s, connected: %v", b.name, b.connected)
			l.endLease(b.name)
		}
	case 15, 16, 17:
		if n != nil && !n.Alive {
			n.Standing = rapid.SampledFrom([]placement.Standing{placement.LostNode, placement.LostNode, placement.Frozen, placement.Unknown}).Draw(t, "verdict")
			l.tell("%s is %s", b.name, n.Standing)
		}
	case 18:
		l.reboot(b)
	case 19:
		if n != nil && !n.Alive && l.unbound(b) == 0 {
			l.tell("%s is forgotten", b.name)
			n.Standing = placement.Forgotten
		}
	case 20:
		l.app(mon).Intent.Count = 1 - l.app(mon).Intent.Count
		l.tell("the count is %d", l.app(mon).Intent.Count)
	case 21:
		l.submit(l.app(mon).Intent.Count, l.drawGeneration(t))
	case 22:
		if rapid.Bool().Draw(t, "keep") || len(l.copies) == 0 {
			l.keep()
			return
		}
		l.restore(rapid.SampledFrom(l.copies).Draw(t, "snapshot"))
	case 23:
		if len(l.Units) > 0 {
			u := &l.Units[rapid.IntRange(0, len(l.Units)-1).Draw(t, "unit")]
			if u.CreateRev != 0 {
				l.tell("the assignment %s cannot be read", u.ID)
				u.Problem, u.ModRev = units.Reason{Code: units.ReasonUndecodable, Message: "no JSON"}, l.next()
				u.Assignment = units.Assignment{}
			}
		}
	case 24:
		if n != nil && !n.Alive && rapid.IntRange(0, 3).Draw(t, "for good") == 0 && slices.ContainsFunc(l.boxes, func(o *box) bool { return o != b && !o.off }) {
			l.tell("%s burns down, and a person says so", b.name)
			b.off, b.connected, n.Confirmed, n.Standing = true, false, true, placement.LostNode
			clear(b.running)
		}
	}
	l.check()
}

// work lets time pass, and everybody do what there is to do.
func (l *lab) work(t *rapid.T) {
	l.pass(rapid.IntRange(0, 4).Draw(t, "seconds"))
	for i := range l.Nodes {
		if n := &l.Nodes[i]; !n.Alive && n.Standing == placement.Unknown && rapid.IntRange(0, 3).Draw(t, "judged") > 0 {
			n.Standing = placement.LostNode
			l.tell("%s is lost", n.Name)
		}
	}
	for _, b := range l.boxes {
		l.act(b)
	}
	l.commit()
	l.think()
	if rapid.IntRange(0, 3).Draw(t, "at once") > 0 {
		l.commit()
		for _, b := range l.boxes {
			l.act(b)
		}
	}
}

// unbound counts what runs on a box, or will after a reboot, and ends with no tenure: whoever forgets the node
// answers for that.
func (l *lab) unbound(b *box) int {
	n := len(b.found)
	for _, p := range b.running {
		if !p.app.Bound() {
			n++
		}
	}
	return n
}

func (l *lab) reboot(b *box) {
	l.tell("%s reboots", b.name)
	for id := range b.running {
		if !b.found[id] {
			b.ended[id] = true
		}
	}
	clear(b.running)
	b.held, b.leaving = 0, false
	for _, id := range slices.SortedFunc(func(yield func(units.UnitID) bool) {
		for id := range b.found {
			if !yield(id) {
				return
			}
		}
	}, units.UnitID.Compare) {
		if doc, known := document(l.Snapshot, id); known && !b.off {
			l.start(b, id, doc)
		}
	}
}

func (l *lab) drawGeneration(t *rapid.T) units.App {
	a := service("default/mon")
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		onPartitionStop(&a)
	case 1:
		if rapid.Bool().Draw(t, "keepReplacement") {
			keepReplacement(&a)
		}
	default:
		singleton(&a)
	}
	stopTimeout(rapid.SampledFrom([]time.Duration{time.Second, 4 * time.Second, 12 * time.Second}).Draw(t, "stop"))(&a)
	lostAfter(rapid.SampledFrom([]time.Duration{0, 0, 20 * time.Second}).Draw(t, "lostAfter"))(&a)
	if rapid.Bool().Draw(t, "checked") {
		checked(&a)
	}
	l.tell("generation: singleton %v, bound %v, stop %v, lostAfter %v", a.Singleton, a.Bound(), a.Stop.Timeout, a.Disconnect.LostAfter)
	return a
}

// settled asserts that what is wanted runs, and nothing else.
func (l *lab) settled() {
	o := placement.Plan(l.Snapshot, l.policy)
	running := map[units.AppID]int{}
	for _, b := range l.boxes {
		for id := range b.running {
			if id.Generation != l.app(id.AppID()).Intent.Generation {
				l.fail("%s still runs %s", b.name, id)
			}
			running[id.AppID()]++
		}
	}
	for _, a := range l.Apps {
		if running[a.ID] != a.Intent.Count {
			l.fail("%s has %d units running, want %d: %+v\n%v", a.ID, running[a.ID], a.Intent.Count, o.Unplaced, l.list())
		}
	}
	if len(o.Actions) > 0 {
		l.fail("there is no end of plans: %v", does(o))
	}
}
