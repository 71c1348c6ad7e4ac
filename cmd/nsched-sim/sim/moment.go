package sim

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/nsched/nsched/units"
)

// Faults meet what lasts, and miss what is brief: a unit is fetched, started or stopped within a second,
// and a leader that catches up has led a moment later. So some strikes wait for a state that is drawn with
// them, and come the moment it is there; those whose state does not come within that time strike all the
// same.
const longestWait = 90 * time.Second

// waiting is a strike whose moment has not come yet.
type waiting struct {
	s      Strike
	strike func()
}

// await strikes at the moment that s waits for.
func (w *World) await(s Strike, strike func()) {
	it := &waiting{s: s, strike: strike}
	w.waiting = append(w.waiting, it)
	w.revisionMet = 0
	w.After(longestWait, func() { w.goOn(it) })
}

// goOn lets a strike that waits wait no more.
func (w *World) goOn(it *waiting) {
	if i := slices.Index(w.waiting, it); i >= 0 {
		w.waiting = slices.Delete(w.waiting, i, i+1)
		it.strike()
	}
}

// lookForMoments strikes with whatever waits for how things are now. It looks when etcd holds something new.
func (w *World) lookForMoments() {
	revision := w.Etcd.Revision()
	if revision == w.revisionMet {
		return
	}
	w.revisionMet = revision
	for _, it := range slices.Clone(w.waiting) {
		if w.met(it.s) {
			w.goOn(it)
		}
	}
}

// brief are the states that strikes wait for.
func brief(c Cell) bool {
	lasts := c.Is == string(units.StateHealthy) || c.Is == string(units.PhaseComplete) || c.Is == leads
	return !lasts && unreachable(c) == ""
}

// rare are those of them that are met least, and waited for twice as often.
var rare = map[string]bool{
	string(units.StateFetching): true, string(units.StateStopped): true, string(units.StateFailed): true, leaderGone: true,
}

// oneInWaits is how many strikes there are for each that waits.
const oneInWaits = 2

// wait draws for some of the strikes what they wait for. Each still ends by the time to. A leader is seldom
// lost: a strike that waits for an election brings one about.
func wait(strikes []Strike, r *rand.Rand, to time.Duration) []Strike {
	var elections []Strike
	for i := range strikes {
		s := &strikes[i]
		if r.IntN(oneInWaits) > 0 {
			continue
		}
		cells := slices.DeleteFunc(cellsOf(s.Kind), func(c Cell) bool { return !brief(c) })
		if len(cells) == 0 {
			continue
		}
		for _, c := range cells {
			if rare[c.Is] {
				cells = append(cells, c)
			}
		}
		c := pick(r, cells)
		s.When = c.state()
		s.At = min(s.At, Span(to-longestWait))
		s.Lasts = min(s.Lasts, Span(to-longestWait)-s.At)
		if c.Of == ofElection && c.Is != leaderGone {
			at := s.At + Span(uniform(r, 0, longestWait/8))
			elections = append(elections, Strike{At: at, Kind: candidatesRevoked, Pick: r.Uint32()})
		}
	}
	strikes = append(strikes, elections...)
	slices.SortStableFunc(strikes, func(a, b Strike) int { return cmp.Compare(a.At, b.At) })
	return strikes
}
