package guard

import "github.com/nsched/nsched/units"

// load takes up what a predecessor in this boot left behind. It runs once, before the first request.
// Without it nobody knows whose the units are that are still bound: they end before anything else.
func (g *Guard) load(now units.Instant) {
	if g.loaded {
		return
	}
	g.loaded = true
	m, err := g.o.Keeper.Load()
	if err != nil {
		g.o.Logger.Warn().Err(err).Msg("guard's memory was unreadable; a new tenure begins when the old lease has ended")
		return
	}
	if m.BootID != g.o.BootID || m.Lease == 0 || m.Tenure == 0 {
		return
	}
	g.lease, g.tenure, g.born, g.adopted = m.Lease, m.Tenure, m.Cluster, true
	if m.Releasing {
		g.endedAt = now.Boot
		g.enter(PhaseReleasing, units.Reason{Message: "the guard before this one was giving the tenure up"})
		return
	}
	// What an upgrade saved long ago says nothing about a guard that crashed since: until when that one was fresh is
	// in its word alone.
	if m.AckedBoot+FenceAfter > now.Boot {
		g.acked = m.AckedBoot
	}
	g.enter(PhaseHolding, units.Reason{})
}

// save leaves behind what a successor takes up.
func (g *Guard) save() {
	err := g.o.Keeper.Save(Memory{
		BootID: g.o.BootID, Lease: g.lease, Tenure: g.tenure, Cluster: g.born,
		Releasing: g.phase == PhaseReleasing, AckedBoot: g.acked,
	})
	if err != nil {
		g.o.Logger.Error().Err(err).Msg("guard's memory was not saved; a crash now costs the tenure")
	}
}
