package chaos

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/units"
)

// lookEvery is how often the watchman goes round.
const lookEvery = 50 * time.Millisecond

// Watchman goes round the control groups of all hosts and notes where a singleton has processes in two
// units at once. He is independent of the witness: he needs no word of any service.
type Watchman struct {
	census cluster.Census
	stop   chan struct{}
	done   chan struct{}

	mu     sync.Mutex
	apps   []units.AppID
	rounds int
	held   map[units.AppID]bool // that had a process in some round
	seen   []Double
}

// Double is a singleton seen twice.
type Double struct {
	App   units.AppID
	Units map[string]string // unit to host
	At    time.Time
}

// String tells it to people.
func (d Double) String() string { return fmt.Sprintf("%s at %s: %v", d.App, clockText(d.At), d.Units) }

func newWatchman(c cluster.Census) *Watchman {
	w := &Watchman{census: c, held: map[units.AppID]bool{}, stop: make(chan struct{}), done: make(chan struct{})}
	go func() { // ends with Close
		defer close(w.done)
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			select {
			case <-w.stop:
				return
			case <-tick.C:
				w.round()
			}
		}
	}()
	return w
}

// Guard adds singletons to look after.
func (w *Watchman) Guard(apps ...units.AppID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.apps = append(w.apps, apps...)
}

func (w *Watchman) round() {
	w.mu.Lock()
	apps := slices.Clone(w.apps)
	w.mu.Unlock()
	for _, app := range apps {
		first := w.census.Holders(app)
		if len(first) > 0 {
			w.mu.Lock()
			w.held[app] = true
			w.mu.Unlock()
		}
		if len(first) < 2 {
			continue
		}
		// One round is not one instant: only who was there before and after was there with the other.
		second := w.census.Holders(app)
		maps.DeleteFunc(first, func(unit, host string) bool { return second[unit] != host })
		if len(first) >= 2 {
			w.mu.Lock()
			w.seen = append(w.seen, Double{app, first, time.Now()})
			w.mu.Unlock()
		}
	}
	w.mu.Lock()
	w.rounds++
	w.mu.Unlock()
}

// Seen returns what was seen twice so far, and in how many rounds.
func (w *Watchman) Seen() ([]Double, int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.seen), w.rounds
}

// Blind returns the singletons that he is to look after and has never seen run: that he saw none of them twice
// says nothing.
func (w *Watchman) Blind() []units.AppID {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.apps), func(app units.AppID) bool { return w.held[app] })
}

// Close ends the rounds.
func (w *Watchman) Close() {
	close(w.stop)
	<-w.done
}

func clockText(t time.Time) string { return t.Format("15:04:05.000") }
