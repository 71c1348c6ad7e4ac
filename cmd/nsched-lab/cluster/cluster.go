package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
	"github.com/nsched/nsched/units/registry"
)

// Options describe a cluster.
type Options struct {
	Programs Programs
	Lab      host.Options
	// Members is how many etcd members there are, each in a cell of its own: e1, e2 and so on. 0 is one
	// etcd in the lab itself.
	Members int
	// Schedulers is how many cells there are for schedulers, s1, s2 and so on: see RunScheduler. Hosts
	// need none.
	Schedulers int
}

// Cluster is a lab and what runs in it. Its methods may be called at the same time; those that make
// something new under a name are not to be called twice for one name.
type Cluster struct {
	Lab      *host.Lab
	Keys     registry.Keys
	Registry *registry.Etcd // over sockets of the lab: it works whatever happens to the network
	Members  []*Member      // etcd's, where it has several
	Dev      *Dev
	HTTP     *http.Client // inside the lab's network
	programs Programs
	detach   bool

	cells map[string]*Cell // all made by Open

	mu    sync.Mutex
	etcd  *host.Process
	hosts []*host.Host // that run nsched
	drops []Drop

	loading sync.Mutex // one set of drops is loaded at a time
}

// Open opens a lab with etcd and the machine to build on. When it fails, nothing is left.
func Open(ctx context.Context, o Options) (_ *Cluster, err error) {
	keys, err := registry.NewKeys("")
	if err != nil {
		return nil, err
	}
	o.Lab.HostsLines = append(slices.Clone(o.Lab.HostsLines), o.cellLines()...)
	lab, err := host.Open(ctx, o.Lab)
	if err != nil {
		return nil, err
	}
	c := &Cluster{
		Lab: lab, Keys: keys, HTTP: lab.HTTPClient(), programs: o.Programs, detach: o.Lab.Detach,
		cells: map[string]*Cell{},
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lab.Down())
		}
	}()
	if err = c.observe(o); err != nil {
		return nil, err
	}
	if err = c.makeCells(ctx, o); err != nil {
		return nil, err
	}
	if err = os.MkdirAll(c.Caches(), 0o755); err != nil {
		return nil, fmt.Errorf("make the caches' directory: %w", err)
	}
	if o.Members > 0 {
		err = c.openMembers(ctx, o.Members)
	} else {
		err = c.StartEtcd(ctx)
	}
	if err != nil {
		return nil, err
	}
	c.Dev, err = c.openDev(ctx)
	return c, err
}

// Close ends the cluster, unless its lab was opened to stay.
func (c *Cluster) Close() error {
	c.HTTP.CloseIdleConnections()
	err := errors.Join(c.Lab.Close(), c.Registry.Close())
	for _, m := range c.Members {
		err = errors.Join(err, m.Registry.Close())
	}
	return err
}

// dir is the lab's own directory: the holder sees it under the same name, and it goes with the lab.
func (c *Cluster) dir() string { return filepath.Join(host.StateDir, c.Lab.ID()) }

// Caches is the directory of the binary caches, one directory each, on the machine.
func (c *Cluster) Caches() string { return filepath.Join(c.dir(), "caches") }

// CacheURL is where hosts find a cache, once something serves Caches at port 8080 of the lab.
func (c *Cluster) CacheURL(name string) string {
	return fmt.Sprintf("http://%s:%s/%s", host.LabName, CachePort, name)
}

// CachePort is where the caches are served.
const CachePort = "8080"

// Start starts a program in the lab, beside the hosts. It ends with the lab, and unless that was opened
// to stay with the calling process.
func (c *Cluster) Start(ctx context.Context, log string, argv ...string) (*host.Process, error) {
	return c.Lab.Start(ctx, host.Command{Argv: argv, Log: log, Detach: c.detach})
}

// reserve returns the host of that name, and makes one where there is none.
func (c *Cluster) reserve(ctx context.Context, name string, binds ...host.Bind) (*host.Host, error) {
	h, err := c.Lab.Host(ctx, name)
	if errors.Is(err, host.ErrNoHost) {
		h, err = c.Lab.Create(ctx, name, binds...)
	}
	return h, err
}

// runs notes a host whose journal is worth a look when something fails.
func (c *Cluster) runs(h *host.Host) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hosts = append(c.hosts, h)
}
