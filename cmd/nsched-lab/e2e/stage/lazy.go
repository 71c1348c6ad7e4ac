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
	Open  func(context.Context) (*Stage, error)
	once  sync.Once
	stage *Stage
	err   error
}

// On returns the stage. Where it cannot be opened, the test fails, and so does every other that asks.
func (l *Lazy) On(t *testing.T) *Stage {
	t.Helper()
	l.once.Do(func() {
		ctx, cancel := context.WithTimeout(background(), openWithin)
		defer cancel()
		l.stage, l.err = l.Open(ctx)
	})
	if l.err != nil {
		t.Fatal(l.err)
	}
	return l.stage
}

// Close closes the stage, if it was opened.
func (l *Lazy) Close() error {
	if l.stage == nil {
		return nil
	}
	return l.stage.Close()
}

// background is for what outlives one test.
func background() context.Context { return context.Background() }
