package stage

import (
	"context"
	"sync"
	"testing"
	"time"
)

// openWithin bounds the opening of a stage: the programs may have to be built.
const openWithin = 15 * time.Minute

// Lazy is a stage that is opened for the first who asks and closed after the last test.
type Lazy struct {
	Open func(context.Context) (*Stage, error)
	// Turn, where stages share one, lets one of them be open at a time: asking for another closes it.
	// Their tests do not run side by side.
	Turn *Turn

	mu    sync.Mutex
	stage *Stage
	err   error
}

// Turn is whose turn it is.
type Turn struct{ open *Lazy }

// On returns the stage. Where it cannot be opened, the test fails, and so does every other that asks.
func (l *Lazy) On(t *testing.T) *Stage {
	t.Helper()
	if l.Turn != nil && l.Turn.open != l {
		if before := l.Turn.open; before != nil {
			if err := before.Close(); err != nil {
				t.Error(err)
			}
		}
		l.Turn.open = l
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stage == nil && l.err == nil {
		ctx, cancel := context.WithTimeout(background(), openWithin)
		defer cancel()
		l.stage, l.err = l.Open(ctx)
	}
	if l.err != nil {
		t.Fatal(l.err)
	}
	return l.stage
}

// Close closes the stage, if it is open.
func (l *Lazy) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stage == nil {
		return nil
	}
	err := l.stage.Close()
	l.stage = nil
	return err
}

// background is for what outlives one test.
func background() context.Context { return context.Background() }
