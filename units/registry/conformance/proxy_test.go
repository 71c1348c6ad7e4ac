package conformance

import (
	"net"
	"sync"
	"testing"
)

// proxy passes connections to an etcd on and can stop to pass either direction, which leaves both sides
// with an open connection and no answer.
type proxy struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu       sync.Mutex
	changed  *sync.Cond
	held     [2]bool // what goes to etcd, what comes from it
	closed   bool
	sessions []net.Conn
}

const (
	toEtcd = iota
	fromEtcd
)

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: target}
	p.changed = sync.NewCond(&p.mu)
	p.running.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

func (p *proxy) url() string { return "http://" + p.listener.Addr().String() }

// hold stops or lets go one direction.
func (p *proxy) hold(direction int, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held[direction] = on
	p.changed.Broadcast()
}

// cut drops every connection.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.sessions {
		_ = c.Close()
	}
	p.sessions = nil
}

func (p *proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	p.closed = true
	p.changed.Broadcast()
	p.mu.Unlock()
	p.cut()
	p.running.Wait()
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.sessions = append(p.sessions, client, server)
		p.mu.Unlock()
		p.running.Go(func() { p.pass(server, client, toEtcd) })
		p.running.Go(func() { p.pass(client, server, fromEtcd) })
	}
}

func (p *proxy) pass(to, from net.Conn, direction int) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		for p.held[direction] && !p.closed {
			p.changed.Wait()
		}
		p.mu.Unlock()
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
