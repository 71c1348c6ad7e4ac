package holder

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"sync"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/nsched/nsched/cmd/nsched-lab/host/wire"
)

// LabName is the name by which hosts reach the holder.
const LabName = "lab"

// Address plan. Each lab has its own network, so all labs share one plan.
var (
	labAddress = netip.MustParsePrefix("10.77.0.1/16")
	firstHost  = netip.MustParseAddr("10.77.0.11")
)

const maxHosts = 1000

var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

type holder struct {
	cfg      wire.Config
	log      zerolog.Logger
	fs       string // the lab's tmpfs
	children *children
	cgroups  cgroups
	nft      sync.Mutex // one ruleset is loaded at a time

	mu     sync.Mutex
	hosts  map[string]*host
	inform sync.Mutex // /etc/hosts is written by one at a time
}

func newHolder(cfg wire.Config, log zerolog.Logger) *holder {
	return &holder{
		cfg:      cfg,
		log:      log,
		fs:       filepath.Join(cfg.Dir, "fs"),
		children: newChildren(),
		hosts:    map[string]*host{},
	}
}

// setUp makes the lab's mounts and its bridge and opens the control socket.
func (h *holder) setUp(ctx context.Context) (*net.UnixListener, error) {
	var err error
	if h.cgroups, err = openCgroups(h.cfg); err != nil {
		return nil, err
	}
	if err := h.mountAll(); err != nil {
		return nil, err
	}
	if err := h.bridge(ctx); err != nil {
		return nil, err
	}
	path := filepath.Join(h.cfg.Dir, "control")
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	return l, nil
}

// create registers a host that is off, gives it the next address and makes its root.
func (h *holder) create(name string, binds []wire.Bind) (*host, error) {
	if !validName.MatchString(name) || name == LabName || name == "localhost" {
		return nil, fmt.Errorf("create host %q: a name is a DNS label other than lab and localhost: %w", name, wire.ErrRequest)
	}
	h.mu.Lock()
	if _, ok := h.hosts[name]; ok {
		h.mu.Unlock()
		return nil, fmt.Errorf("create host %s: %w", name, wire.ErrExists)
	}
	if len(h.hosts) >= maxHosts {
		h.mu.Unlock()
		return nil, fmt.Errorf("create host %s: a lab has at most %d hosts: %w", name, maxHosts, wire.ErrRequest)
	}
	index := len(h.hosts) + 1 // hosts are never removed
	address := firstHost
	for range index - 1 {
		address = address.Next()
	}
	n := newHost(h, name, index, address, append(append([]wire.Bind{}, h.cfg.Binds...), binds...))
	h.hosts[name] = n
	h.mu.Unlock()

	if err := n.makeRoot(); err != nil {
		return nil, fmt.Errorf("create host %s: %w", name, err)
	}
	return n, h.informHosts()
}

func (h *holder) host(name string) (*host, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, ok := h.hosts[name]
	if !ok {
		return nil, fmt.Errorf("find host %q: %w", name, wire.ErrNoHost)
	}
	return n, nil
}

// all returns the hosts in the order of their creation.
func (h *holder) all() []*host {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]*host, 0, len(h.hosts))
	for _, n := range h.hosts {
		out = append(out, n)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].index < out[j].index })
	return out
}

func (h *holder) info() *wire.Info {
	out := &wire.Info{ID: h.cfg.ID, Address: labAddress.Addr(), Logs: h.cfg.Logs}
	for _, n := range h.all() {
		out.Hosts = append(out.Hosts, *n.info())
	}
	return out
}

// serve answers requests for as long as the holder lives. Requests in flight end with the process.
func (h *holder) serve(ctx context.Context, l *net.UnixListener) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return h.children.reapOrphans(ctx) })
	g.Go(func() error {
		for {
			socket, err := l.AcceptUnix()
			if err != nil {
				return fmt.Errorf("accept on control socket: %w", err)
			}
			go h.answer(ctx, wire.NewConn(socket))
		}
	})
	return g.Wait()
}
