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

// Witness learns when services start and end. A service says one line on a connection that it keeps open:
//
//	<unit> <invocation> <pid> [token=<fence token>] [began=<CLOCK_MONOTONIC, ns>]
//
// The kernel ends the connection with the process, whatever ended that. Over a socket of the file system
// it also says which process is on the other side: then the life ends when that process has, and the path
// does not depend on any network. Over the network, a host whose power was cut says nothing, so its
// services end for the witness when somebody says so.
//
// What a service says after its first line are writes to its app's register: see Register.
type Witness struct {
	l    net.Listener
	wait sync.WaitGroup

	// Register takes the writes of the services. It may be read at any time.
	Register *Register

	mu      sync.Mutex
	lives   []Life
	conns   map[net.Conn]*peer
	changed chan struct{} // closed, and made anew, with every change
}

// Life is one run of a service's process. End is zero while it lasts.
type Life struct {
	Unit, Invocation, PID string
	// From is where it spoke from, the address of its host, and Host the host's name: the one is known
	// over the network, the other from the process's cgroup over a socket of the file system.
	From netip.Addr
	Host string
	// Process is its number here, outside of the hosts; 0 where nobody knows it.
	Process int
	// Token is the fence token that it was started with; 0 is none.
	Token      int64
	Start, End time.Time
}

// NewWitness listens to what comes in at l until Close.
func NewWitness(l net.Listener) *Witness {
	w := &Witness{l: l, Register: newRegister(), conns: map[net.Conn]*peer{}, changed: make(chan struct{})}
	w.wait.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			// The process is taken hold of before it says a word: it cannot be another one later.
			p := peerOf(conn)
			w.mu.Lock()
			w.conns[conn] = p
			w.mu.Unlock()
			w.wait.Go(func() { w.listen(conn, p) })
		}
	})
	return w
}

func (w *Witness) listen(conn net.Conn, p *peer) {
	defer func() {
		_ = conn.Close()
		p.close()
		w.mu.Lock()
		delete(w.conns, conn)
		w.mu.Unlock()
	}()
	in := bufio.NewReader(conn)
	line, err := in.ReadString('\n')
	life, ok := parseLife(line)
	if err != nil || !ok {
		return
	}
	from, _ := netip.ParseAddrPort(conn.RemoteAddr().String())
	life.From, life.Host, life.Process = from.Addr().Unmap(), p.host, p.pid
	w.mu.Lock()
	at := len(w.lives)
	w.lives = append(w.lives, life)
	w.tell()
	w.mu.Unlock()
	w.Register.serve(life, in, conn) // returns at the end of the connection
	p.awaitEnd()
	w.mu.Lock()
	w.lives[at].End = time.Now()
	w.tell()
	w.mu.Unlock()
}

// parseLife reads the line of a start.
func parseLife(line string) (Life, bool) {
	words := strings.Fields(line)
	if len(words) < 3 {
		return Life{}, false
	}
	l := Life{Unit: words[0], Invocation: words[1], PID: words[2], Start: time.Now()}
	for _, word := range words[3:] {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "token":
			l.Token = number(value)
		case "began":
			// It lived before it could say so.
			if at, err := FromMonotonic(time.Duration(number(value))); err == nil && at.Before(l.Start) {
				l.Start = at
			}
		}
	}
	return l, true
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

// Select returns the lives that are as wanted, in the order in which they were told.
func (w *Witness) Select(wanted func(Life) bool) []Life {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []Life
	for _, l := range w.lives {
		if wanted(l) {
			out = append(out, l)
		}
	}
	return out
}

// Lives returns what is known of a unit, the earliest start first.
func (w *Witness) Lives(unit string) []Life {
	out := w.Select(func(l Life) bool { return l.Unit == unit })
	slices.SortFunc(out, func(a, b Life) int { return a.Start.Compare(b.Start) })
	return out
}

// Count counts the lives that are as wanted.
func (w *Witness) Count(wanted func(Life) bool) int { return len(w.Select(wanted)) }

// Close ends the listening and waits for its end.
func (w *Witness) Close() {
	_ = w.l.Close()
	w.mu.Lock()
	for conn, p := range w.conns {
		_ = conn.Close()
		p.close()
	}
	w.mu.Unlock()
	w.wait.Wait()
}
