package cluster

import (
	"bufio"
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Witness learns when services start and end. A service says one line, "<unit> <invocation> <pid>", on a
// connection that it keeps open: the kernel ends it with the process, whatever ended that. A host whose
// power was cut says nothing, so its services end for the witness when somebody says so.
type Witness struct {
	l    net.Listener
	wait sync.WaitGroup

	mu      sync.Mutex
	lives   []Life
	conns   map[net.Conn]bool
	changed chan struct{} // closed, and made anew, with every change
}

// Life is one run of a service's process. End is zero while it lasts. From is where it spoke from: the
// address of its host.
type Life struct {
	Unit, Invocation, PID string
	From                  netip.Addr
	Start, End            time.Time
}

// NewWitness listens to what comes in at l until Close.
func NewWitness(l net.Listener) *Witness {
	w := &Witness{l: l, conns: map[net.Conn]bool{}, changed: make(chan struct{})}
	w.wait.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			w.mu.Lock()
			w.conns[conn] = true
			w.mu.Unlock()
			w.wait.Go(func() { w.listen(conn) })
		}
	})
	return w
}

func (w *Witness) listen(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		w.mu.Lock()
		delete(w.conns, conn)
		w.mu.Unlock()
	}()
	in := bufio.NewReader(conn)
	line, err := in.ReadString('\n')
	words := strings.Fields(line)
	if err != nil || len(words) != 3 {
		return
	}
	from, _ := netip.ParseAddrPort(conn.RemoteAddr().String())
	w.mu.Lock()
	at := len(w.lives)
	w.lives = append(w.lives, Life{
		Unit: words[0], Invocation: words[1], PID: words[2], From: from.Addr().Unmap(), Start: time.Now(),
	})
	w.tell()
	w.mu.Unlock()
	_, _ = in.ReadByte() // returns at the end
	w.mu.Lock()
	w.lives[at].End = time.Now()
	w.tell()
	w.mu.Unlock()
}

// tell wakes those who wait. The caller holds the lock.
func (w *Witness) tell() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// Await returns the first life, in the order of their starts, that is as wanted, as soon as there is one.
func (w *Witness) Await(ctx context.Context, wanted func(Life) bool) (Life, error) {
	for {
		w.mu.Lock()
		lives, changed := slices.Clone(w.lives), w.changed
		w.mu.Unlock()
		if at := slices.IndexFunc(lives, wanted); at >= 0 {
			return lives[at], nil
		}
		select {
		case <-ctx.Done():
			return Life{}, context.Cause(ctx)
		case <-changed:
		}
	}
}

// Lives returns what is known of a unit, the earliest start first.
func (w *Witness) Lives(unit string) []Life {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []Life
	for _, l := range w.lives {
		if l.Unit == unit {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b Life) int { return a.Start.Compare(b.Start) })
	return out
}

// Close ends the listening and waits for its end.
func (w *Witness) Close() {
	_ = w.l.Close()
	w.mu.Lock()
	for conn := range w.conns {
		_ = conn.Close()
	}
	w.mu.Unlock()
	w.wait.Wait()
}

// Count counts the lives that are as wanted.
func (w *Witness) Count(wanted func(Life) bool) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, l := range w.lives {
		if wanted(l) {
			n++
		}
	}
	return n
}
