package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// besideOdds is in how many hits one has a second fault beside the first.
const besideOdds = 3

// Spree strikes faults at random until its time is over.
type Spree struct {
	Faults []Fault
	Seed   uint64
	For    time.Duration
	// Done gets each hit as soon as it has been judged.
	Done func(Hit)
}

// Rage is a spree on a stage. Each fault comes once before any comes twice, in an order that the seed
// draws. It returns an error when the stage cannot be hurt any more, or when ctx ends; what nsched did
// wrong is in the hits.
func (s *Stage) Rage(ctx context.Context, r Spree) error {
	d := NewDraw(r.Seed)
	begun := time.Now()
	var bag []Fault
	draw := func() Fault {
		if len(bag) == 0 {
			bag = append(bag, r.Faults...)
			d.Shuffle(len(bag), func(i, j int) { bag[i], bag[j] = bag[j], bag[i] })
		}
		f := bag[0]
		bag = bag[1:]
		return f
	}
	for time.Since(begun) < r.For {
		faults := []Fault{draw()}
		if d.IntN(besideOdds) == 0 && len(bag) > 0 && beside(faults[0], bag[0]) {
			faults = append(faults, draw())
		}
		hit, err := s.Strike(ctx, d, faults...)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		r.Done(hit)
	}
	return nil
}

// beside says whether two faults may be struck beside each other.
func beside(a, b Fault) bool {
	return a.Domain != DomainAll && b.Domain != DomainAll && (a.Domain != b.Domain || a.Domain == DomainNode && a.Name != b.Name)
}

// Final looks once more at everything from the beginning: what the witness, the watchman and etcd's
// history say must be in order as a whole.
func (s *Stage) Final() error {
	errs := []error{s.CheckTokens(singletons...), s.CheckReigns(), s.attended()}
	if seen, _ := s.Census.Seen(); len(seen) > 0 {
		errs = append(errs, &promiseError{"the control groups of two hosts had a singleton at once: " + seen[0].String()})
	}
	for _, o := range s.Overlaps(singletons...) {
		errs = append(errs, &promiseError{"a singleton ran twice: " + o.String()})
	}
	return errors.Join(errs...)
}

// leastRate is the least of what the crowd should ask each second that it has to have asked, all in all.
const leastRate = askRate / 4

// attended says who of those who look, or work, did nothing: what they have not complained of is not proven.
func (s *Stage) attended() error {
	var errs []error
	add := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, &promiseError{fmt.Sprintf("nothing is proven: "+format, args...)})
		}
	}
	if s.Census != nil {
		blind := s.Census.Blind()
		add(len(blind) > 0, "the watchman has never seen %v run", blind)
	}
	for _, name := range singletons {
		add(len(s.Lives(name)) == 0, "the witness has never heard of %s", name)
	}
	add(len(s.Witness.Register.Writes()) == 0, "no singleton has shown its fence token")
	if s.Crowd != nil {
		asked, lasted := s.Crowd.all()
		add(asked == 0 || float64(asked) < leastRate*lasted.Seconds(), "the crowd asked %d times in %v", asked, lasted)
	}
	if s.Operator != nil {
		turns := s.Operator.Turns()
		done := slices.ContainsFunc(turns, func(t Turn) bool { return t.Code == 0 })
		add(!done, "none of the operator's %d commands succeeded", len(turns))
	}
	return errors.Join(errs...)
}

// promiseError is an ErrPromise with its story.
type promiseError struct{ story string }

func (e *promiseError) Error() string { return e.story }

func (e *promiseError) Unwrap() error { return ErrPromise }
