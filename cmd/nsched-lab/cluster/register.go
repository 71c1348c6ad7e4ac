package cluster

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nsched/nsched/units"
)

// Register is what a singleton writes to with its fence token: one value for each app, which refuses
// whoever is older than the newest that has written.
//
//	service:  write <token> <CLOCK_MONOTONIC of this call> <of the return of the one before>
//	register: ok, or no <newest token>
type Register struct {
	mu     sync.Mutex
	newest map[units.AppID]int64
	writes []Write
}

// Write is one call of a service, by the service's own clock, which is everybody's. Returned is zero
// while nobody knows when it was: the service ended, or has not called again yet.
type Write struct {
	App              units.AppID
	Unit             string
	Token            int64
	Called, Returned time.Duration // CLOCK_MONOTONIC
	Accepted         bool
	// Answered is when the register had decided.
	Answered time.Duration
}

func newRegister() *Register { return &Register{newest: map[units.AppID]int64{}} }

// serve answers the writes of one life until its connection ends.
func (r *Register) serve(l Life, in *bufio.Reader, out io.Writer) {
	id, err := units.ParseUnitID(l.Unit)
	last := -1
	for {
		line, readErr := in.ReadString('\n')
		if readErr != nil {
			return
		}
		words := strings.Fields(line)
		if err != nil || len(words) != 4 || words[0] != "write" {
			continue
		}
		w := Write{App: id.AppID(), Unit: l.Unit, Token: number(words[1]), Called: time.Duration(number(words[2]))}
		answer := r.write(w, &last, time.Duration(number(words[3])))
		if _, err := io.WriteString(out, answer+"\n"); err != nil {
			return
		}
	}
}

func (r *Register) write(w Write, last *int, returned time.Duration) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if *last >= 0 {
		r.writes[*last].Returned = returned
	}
	newest := r.newest[w.App]
	w.Accepted = w.Token >= newest
	r.newest[w.App] = max(newest, w.Token)
	w.Answered, _ = Monotonic()
	*last = len(r.writes)
	r.writes = append(r.writes, w)
	if w.Accepted {
		return "ok"
	}
	return fmt.Sprintf("no %d", newest)
}

// Writes returns all calls so far, in the order in which they were decided.
func (r *Register) Writes() []Write {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.writes)
}
