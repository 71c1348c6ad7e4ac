package node

import (
	"context"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/loop/looptest"
)

// counted is a systemd that only counts how often it is asked about everything.
type counted struct {
	Services
	lists int
}

func (c *counted) List(context.Context) ([]Observation, error) {
	c.lists++
	return nil, nil
}

func (*counted) GoingDown(context.Context) (bool, error) { return false, nil }

// hinted has systemd give a hint every millisecond for some time, and returns how often it was asked.
func hinted(t *testing.T, hints int) int {
	t.Helper()
	systemd, mail := &counted{}, loop.NewMailbox()
	exec := looptest.NewExecutor(t.Context(), mail)
	d := &Daemon{o: Options{Services: systemd, Mail: mail, Executor: exec}}
	now := units.Instant{Boot: time.Hour}
	for range hints {
		d.Hint()
		mail.Apply(now)
		d.observe(now)
		exec.RunAll()
		mail.Apply(now)
		now = now.Add(time.Millisecond)
	}
	return systemd.lists
}

// Between the hint that systemd has begun to start a unit and the one that it runs are some 50 ms. The
// second used to wait until 100 ms after the first, and the unit's checks with it.
func TestTheHintsOfAStartAreFollowedAtOnce(t *testing.T) {
	if n := hinted(t, listBurst); n != listBurst {
		t.Errorf("%d hints had systemd asked %d times", listBurst, n)
	}
}

func TestAStormOfHintsHasSystemdAskedTenTimesASecond(t *testing.T) {
	if n := hinted(t, 10_000); n < 95 || n > 100+listBurst {
		t.Errorf("10,000 hints in ten seconds had systemd asked %d times", n)
	}
}
