package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
)

const (
	// ConvergeWithin is how long after the end of a fault all must be as wanted.
	ConvergeWithin = 60 * time.Second
	// idleAfter is how long a crowd may be silent that tells each second how it fares.
	idleAfter = 5 * time.Second
	// giveUpAfter is when what is still not as wanted counts as lost.
	giveUpAfter = 4 * time.Minute
)

// Hit is one fault, or several beside each other, and what came of it.
type Hit struct {
	Faults  []string      `json:"faults"`
	Targets []string      `json:"targets"`
	Struck  time.Time     `json:"struck"`
	Healed  time.Time     `json:"healed"`
	Took    time.Duration `json:"convergedInNs"` // from the end of the last fault
	// Missing is what was not as wanted when the time to converge was over; Lost when it was given up.
	Missing string `json:"missing,omitempty"`
	Lost    string `json:"lost,omitempty"`
	// LostUnits is how many units were not as wanted then, and at least one.
	LostUnits int      `json:"lostUnits,omitempty"`
	Unordered []string `json:"unorderedStops,omitempty"` // ends of kept units that nobody ordered
	Overlaps  []string `json:"overlaps,omitempty"`
	// Overlapped is how long singletons ran twice, all together.
	Overlapped time.Duration `json:"overlappedNs"`
	// Tardy are units bound to a tenure that ran on for too long on a node that was away.
	Tardy []string `json:"tardy,omitempty"`
	// Evicted are the stops that the scheduler ordered of apps that run on whatever happens, Unnamed the DNS
	// records removed of apps that nobody changed.
	Evicted []string `json:"evicted,omitempty"`
	Unnamed []string `json:"dnsRecordsRemoved,omitempty"`
	// Restless says that something was evicted or unnamed for a fault that is no reason to.
	Restless bool  `json:"restless,omitempty"`
	Crowd    Fared `json:"crowd"`
	// Idle says that the crowd asked nothing meanwhile: that no question failed says nothing then.
	Idle bool   `json:"idle,omitempty"`
	Load string `json:"load"`
}

// Losses counts the units that were not as wanted when it was given up.
func (h Hit) Losses() int { return h.LostUnits }

// Wrong says what promise was broken, nothing where none was.
func (h Hit) Wrong() error {
	var errs []error
	add := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf("%s on %s at %s: %w: "+format,
				append([]any{strings.Join(h.Faults, " and "), strings.Join(h.Targets, " and "), clockText(h.Struck), ErrPromise}, args...)...))
		}
	}
	add(h.Lost != "", "lost: %s", h.Lost)
	add(h.Lost == "" && h.Took > ConvergeWithin, "converged after %v; at %v: %s", h.Took.Round(time.Second), ConvergeWithin, h.Missing)
	add(len(h.Unordered) > 0, "stopped and nobody ordered it: %q", h.Unordered)
	add(len(h.Overlaps) > 0, "twice at a time: %q", h.Overlaps)
	add(len(h.Tardy) > 0, "ran on without the cluster: %q", h.Tardy)
	add(h.Idle, "the crowd asked nothing")
	add(h.Restless, "too much was lost at once to take anything back, and yet %q were evicted and %q removed", h.Evicted, h.Unnamed)
	return errors.Join(errs...)
}

// ErrPromise: something was not as promised.
var ErrPromise = errors.New("a promise is broken")

// Strike strikes faults beside each other, heals each at its own time, waits until all is as wanted again
// and looks at what has happened. An error is one of the striking; what nsched did wrong is in the hit.
func (s *Stage) Strike(ctx context.Context, d *Draw, faults ...Fault) (Hit, error) {
	h := Hit{Struck: time.Now()}
	d.avoid = nil
	var mu sync.Mutex
	var healing sync.WaitGroup
	var errs []error
	calm := true
	for _, f := range faults {
		s.log.Info().Str("fault", f.Name).Msg("fault struck")
		blow, err := f.strike(ctx, s, d)
		if err != nil {
			errs = append(errs, fmt.Errorf("strike %s: %w", f.Name, err))
		}
		if blow == nil {
			continue
		}
		h.Faults, h.Targets, calm = append(h.Faults, f.Name), append(h.Targets, blow.Target), calm && blow.calm
		since := time.Now()
		healing.Go(func() {
			_ = sleep(ctx, blow.Lasts) // cut short, it is healed all the same
			for _, node := range blow.away {
				tardy := s.Tardy(node, since, time.Now())
				mu.Lock()
				h.Tardy = append(h.Tardy, tardy...)
				mu.Unlock()
			}
			life, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
			defer cancel()
			if err := blow.heal(life); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("heal %s of %s: %w", f.Name, blow.Target, err))
			}
			s.log.Info().Str("fault", f.Name).Str("target", blow.Target).Dur("lasted", blow.Lasts).Msg("fault ended")
		})
	}
	healing.Wait()
	h.Healed = time.Now()
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		return h, err
	}
	err := s.outcome(ctx, &h)
	for _, o := range s.Overlaps(singletons...) {
		if o.Second.Start.After(h.Struck) { // others belong to an earlier hit
			h.Overlaps, h.Overlapped = append(h.Overlaps, o.String()), h.Overlapped+o.Lasted
		}
	}
	h.Restless = calm && len(h.Evicted)+len(h.Unnamed) > 0
	s.log.Info().Strs("faults", h.Faults).Strs("targets", h.Targets).Dur("converged", h.Took).Int("failed", h.Crowd.Failed).
		Int("asked", h.Crowd.Asked).AnErr("wrong", h.Wrong()).Msg("hit judged")
	return h, err
}

// outcome waits and looks.
func (s *Stage) outcome(ctx context.Context, h *Hit) error {
	took, missing := s.Converge(ctx, ConvergeWithin)
	h.Took = took
	if missing != nil {
		h.Missing = missing.Error()
		more, lost := s.Converge(ctx, giveUpAfter)
		h.Took += more
		if lost != nil {
			h.Lost, h.LostUnits = lost.Error(), unmetUnits(lost)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	now := time.Now()
	for _, l := range s.Unordered(h.Struck, now, kept...) {
		h.Unordered = append(h.Unordered, fmt.Sprintf("%s on %s at %s", l.Unit, l.Host, clockText(l.End)))
	}
	h.Evicted = s.Evictions(h.Struck, now, kept...)
	h.Unnamed = s.Unnamed(h.Struck, now, kept...)
	h.Crowd = s.Crowd.Between(h.Struck, now)
	h.Idle = s.Crowd != nil && h.Crowd.Asked == 0 && now.Sub(h.Struck) > idleAfter
	h.Load = cluster.LoadAverage()
	return nil
}
