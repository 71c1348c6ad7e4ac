package sim

import (
	"testing"
)

// The machines of a standard run are never half full, so that nothing there has to be refused for want of room. On
// these there is just room for what is left in the end.
func TestNothingIsGivenTwiceWhereThereIsHardlyAnyRoom(t *testing.T) {
	const small, enough = 1500, 5
	full := 0
	for seed := uint64(1); seed <= enough; seed++ {
		most := int64(0)
		_, err := Play(t.Context(), Draw(seed), NewTrace(nil), func(c *Cluster) {
			for _, n := range c.nodes {
				n.cpu = small
			}
			c.Always("how full the machines are", func(*World) error {
				for _, n := range c.Watchman.rooms.cpu { // order-free: a maximum
					most = max(most, n)
				}
				return nil
			})
		})
		if err != nil {
			t.Error(err)
		}
		if most > small*9/10 {
			full++
		}
	}
	if full < enough/2 {
		t.Errorf("a machine was full in %d runs of %d", full, enough)
	}
}
