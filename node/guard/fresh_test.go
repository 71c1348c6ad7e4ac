package guard

import (
	"testing"
	"time"

	"github.com/nsched/nsched/units/loop/looptest"
)

// Counted from the reply, a keepalive that took as long as the lease would vouch for a tenure that has ended.
func TestFreshnessCountsFromTheSendOfARenewalThatWasAnswered(t *testing.T) {
	for _, fate := range looptest.Fates() {
		t.Run(fate.String(), func(t *testing.T) {
			w := newWorld(t).begin()
			w.guard.bench.Now = w.now
			before := w.state().FreshUntil
			for w.guard.bench.Exec.Find("keepalive", "") == nil {
				w.now = w.now.Add(tick)
				w.guard.bench.Now = w.now
				w.guard.bench.Step()
			}
			sent := w.now.Boot
			w.now = w.now.Add(1500 * time.Millisecond)
			w.guard.bench.Now = w.now
			w.guard.bench.Exec.Find("keepalive", "").Run(fate)
			w.guard.bench.Step()
			want := before
			if fate == looptest.Applied {
				want = sent + FenceAfter
			}
			if got := w.state().FreshUntil; got != want {
				t.Errorf("sent at %s: fresh until %s, want %s", sent, got, want)
			}
		})
	}
}

func TestAnOlderRenewalThatIsAnsweredLateTakesNothingBack(t *testing.T) {
	w := newWorld(t).begin()
	b := w.guard.bench
	var held []*looptest.Task
	for len(held) < 2 {
		w.now = w.now.Add(tick)
		b.Now = w.now
		b.Step()
		held = held[:0]
		for _, task := range b.Exec.Waiting() {
			if task.Kind == "keepalive" {
				held = append(held, task)
			} else {
				task.Run(looptest.Applied)
			}
		}
	}
	held[1].Run(looptest.Applied)
	b.Step()
	until := w.state().FreshUntil
	held[0].Run(looptest.Applied)
	b.Step()
	if got := w.state().FreshUntil; got != until {
		t.Errorf("fresh until %s became %s", until, got)
	}
}
