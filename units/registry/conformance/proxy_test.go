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
	running  sync.WaitGroup

	mu       sync.Mutex
	target   string
	altered  func([]byte) // what comes from etcd, before it is passed on
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

// hang stops or lets go both directions: connections are taken, and nothing is answered.
func (p *proxy) hang(on bool) {
	p.hold(toEtcd, on)
	p.hold(fromEtcd, on)
}

// lead passes what comes from now on to another etcd.
func (p *proxy) lead(target string) {
	p.mu.Lock()
	p.target = target
	p.mu.Unlock()
	p.cut()
}

// alter changes what comes from etcd.
func (p *proxy) alter(how func([]byte)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.altered = how
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
		p.mu.Lock()
		target := p.target
		p.mu.Unlock()
		server, err := net.Dial("tcp", target)
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
		if p.altered != nil && direction == fromEtcd {
			p.altered(buf[:n])
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
