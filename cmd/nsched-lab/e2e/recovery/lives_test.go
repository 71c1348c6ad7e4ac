package recovery

import (
	"fmt"
	"testing"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/e2e/stage"
)

const (
	// fence is how long after the latest renewal that was sent and acknowledged a guard is fresh: F.
	fence = 6 * time.Second
	// slack is what the promise allows beyond F and the time to stop.
	slack = 500 * time.Millisecond
)

// alone is an app that must never run twice.
func alone(s *stage.Stage, name string, args ...any) stage.Document {
	return s.ActorApp(name, args...).With("singleton", true).With("stop", stage.Document{"timeout": "2s"}).
		With("reschedule", stage.Document{"delay": "1s"})
}

// neverTwice fails the test if two lives of an app overlapped, or if a later one has no higher token.
func neverTwice(t *testing.T, s *stage.Stage, app string) []cluster.Life {
	t.Helper()
	lives := s.Lives(app)
	for i, l := range lives {
		if l.Token == 0 {
			t.Errorf("%s has no fence token", l.Unit)
		}
		if i == 0 {
			continue
		}
		before := lives[i-1]
		if before.End.IsZero() || before.End.After(l.Start) {
			t.Errorf("%s ran from %v to %v on %s, and %s began at %v on %s", before.Unit, before.Start, before.End, before.Host, l.Unit, l.Start, l.Host)
		}
		if l.Token <= before.Token {
			t.Errorf("%s has the fence token %d, and %s before it had %d", l.Unit, l.Token, before.Unit, before.Token)
		}
	}
	return lives
}

// ended awaits the end of a life.
func ended(t *testing.T, s *stage.Stage, life cluster.Life) time.Time {
	t.Helper()
	var end time.Time
	stage.Eventually(t, life.Unit+" has ended", func() error {
		for _, l := range s.Witness.Lives(life.Unit) {
			if l.Invocation == life.Invocation && !l.End.IsZero() {
				end = l.End
				return nil
			}
		}
		return fmt.Errorf("process %s on %s lives on", life.PID, life.Host)
	})
	return end
}

// running is the one life of an app that goes on.
func running(t *testing.T, s *stage.Stage, app string) cluster.Life {
	t.Helper()
	var last cluster.Life
	stage.Eventually(t, app+" runs", func() error {
		lives := s.Lives(app)
		if len(lives) == 0 || !lives[len(lives)-1].End.IsZero() {
			return fmt.Errorf("its lives are %+v", lives)
		}
		last = lives[len(lives)-1]
		return nil
	})
	return last
}

// replaced awaits the life that follows one.
func replaced(t *testing.T, s *stage.Stage, app string, before cluster.Life) cluster.Life {
	t.Helper()
	var next cluster.Life
	stage.Eventually(t, before.Unit+" is replaced", func() error {
		lives := s.Lives(app)
		for _, l := range lives {
			if l.Start.After(before.Start) {
				next = l
				return nil
			}
		}
		return fmt.Errorf("its lives are %+v", lives)
	})
	return next
}

// within fails the test unless an end came in time.
func within(t *testing.T, what string, from, end time.Time, limit time.Duration) {
	t.Helper()
	if took := end.Sub(from); took > limit {
		t.Errorf("%s after %v; the promise is %v", what, took, limit)
	} else {
		t.Logf("%s after %v", what, took.Round(time.Millisecond))
	}
}

// confine has new units go to one node alone, until it is lifted.
func confine(t *testing.T, s *stage.Stage, to string) (lift func()) {
	t.Helper()
	var away []string
	for _, n := range []string{"n1", "n2", "n3"} {
		if n != to {
			types(t, s, "cordon", n)
			away = append(away, n)
		}
	}
	lift = func() {
		t.Helper()
		for _, n := range away {
			types(t, s, "uncordon", n)
		}
	}
	t.Cleanup(lift)
	return lift
}
