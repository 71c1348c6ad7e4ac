package guard

import "time"

// tell leaves the word when it changed, and settles until when the tenure is fresh: never longer than was
// told, so that no unit runs of which the reaper would not know when it must end.
//
// There is no word before the first acknowledged renewal. What the predecessor of an adopted tenure left
// stays true, and a new tenure has nothing bound to it yet.
func (g *Guard) tell() {
	if g.tenure == 0 || g.acked == 0 {
		g.fresh = 0
		return
	}
	w := Word{BootID: g.o.BootID, Tenure: g.tenure, FreshUntil: g.acked + FenceAfter}
	if g.endedAt != 0 {
		w.FreshUntil = min(w.FreshUntil, g.endedAt)
	}
	if w != g.told && g.o.Teller != nil {
		if err := g.o.Teller.Tell(w); err != nil {
			g.o.Logger.Error().Err(err).Int64("tenure", g.tenure).Msg("guard's word was not left; the tenure is fresh no longer than the last one said")
			if g.told.Tenure != g.tenure {
				g.fresh = 0
			}
			return
		}
	}
	g.told, g.fresh = w, w.FreshUntil
}

// staleAt is the boot time at which the present tenure ceased to be fresh, as far as is known.
func (g *Guard) staleAt(now time.Duration) time.Duration {
	if g.fresh == 0 {
		return now
	}
	return min(now, g.fresh)
}
