package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

const (
	// turnEvery is the pause between two beginnings of one lane of the operator's work. Three lanes make
	// twelve changes a minute where each is done in time.
	turnEvery = 15 * time.Second
	// turnWithin is how long a person waits for a change.
	turnWithin = 45 * time.Second
)

// growing are the apps that the operator changes all the time, one after the other in each lane.
var growing = []string{"grow", "job-a", "job-b"}

// Turn is one command of the operator.
type Turn struct {
	Args         []string
	Begun, Ended time.Time
	Code         int    // exit code; -1 when it did not run
	Err          string // what it said
}

// Operator is a person who submits, scales and stops apps all the time, with the real command.
type Operator struct {
	s    *Stage
	stop context.CancelFunc
	wait sync.WaitGroup

	mu    sync.Mutex
	turns []Turn
}

func (s *Stage) operate(ctx context.Context) *Operator {
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	o := &Operator{s: s, stop: stop}
	for i, name := range growing {
		o.wait.Go(func() { o.lane(life, name, time.Duration(i)*turnEvery/time.Duration(len(growing))) })
	}
	return o
}

// lane changes one app for ever: a package that has to be fetched, more of it, less of it, the next
// package in its place, none.
func (o *Operator) lane(ctx context.Context, name string, first time.Duration) {
	for i, at := 0, first; ; i, at = i+1, turnEvery {
		select {
		case <-ctx.Done():
			return
		case <-time.After(at):
		}
		// In the middle of a round a new package takes the place of the first.
		path := o.s.Variants[1+(i/5*2+i%5/3)%(len(o.s.Variants)-1)]
		document := o.s.Worker(name, path).With("count", 1)
		switch i % 5 {
		case 0, 3:
			file, err := o.s.write(ctx, document)
			if err != nil {
				o.note(Turn{Args: []string{"submit", name}, Begun: time.Now(), Ended: time.Now(), Code: -1, Err: err.Error()})
				continue
			}
			o.turn(ctx, "submit", file)
		case 1:
			o.turn(ctx, "scale", name, "3")
		case 2:
			o.turn(ctx, "scale", name, "2")
		case 4:
			o.turn(ctx, "stop", name)
		}
	}
}

func (o *Operator) turn(ctx context.Context, args ...string) {
	t := Turn{Args: args, Begun: time.Now()}
	err := o.s.Types(ctx, append([]string{args[0], fmt.Sprintf("--timeout=%s", turnWithin)}, args[1:]...)...)
	t.Ended = time.Now()
	if exit := (*host.ExitError)(nil); errors.As(err, &exit) {
		t.Code, t.Err = exit.Code, exit.Stderr
	} else if err != nil {
		t.Code, t.Err = -1, err.Error()
	}
	if ctx.Err() == nil {
		o.note(t)
	}
}

func (o *Operator) note(t Turn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.turns = append(o.turns, t)
}

// Turns returns all that was done so far.
func (o *Operator) Turns() []Turn {
	if o == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]Turn(nil), o.turns...)
}

// Close ends the work.
func (o *Operator) Close() {
	o.stop()
	o.wait.Wait()
}
