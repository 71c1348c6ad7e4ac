package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
	"github.com/nsched/nsched/units/registry"
)

// Options describe a cluster.
type Options struct {
	Programs Programs
	Lab      host.Options
}

// Cluster is a lab and what runs in it. Its methods may be called at the same time; those that make
// something new under a name are not to be called twice for one name.
type Cluster struct {
	Lab      *host.Lab
	Keys     registry.Keys
	Registry *registry.Etcd // over a socket of the lab: it works whatever happens to the network
	Dev      *Dev
	HTTP     *http.Client // inside the lab's network
	programs Programs
	detach   bool

	mu    sync.Mutex
	etcd  *host.Process
	hosts []*host.Host // that run nsched
}

// Open opens a lab with etcd and the machine to build on. When it fails, nothing is left.
func Open(ctx context.Context, o Options) (_ *Cluster, err error) {
	keys, err := registry.NewKeys("")
	if err != nil {
		return nil, err
	}
	lab, err := host.Open(ctx, o.Lab)
	if err != nil {
		return nil, err
	}
	c := &Cluster{Lab: lab, Keys: keys, HTTP: lab.HTTPClient(), programs: o.Programs, detach: o.Lab.Detach}
	defer func() {
		if err != nil {
			err = errors.Join(err, lab.Down())
		}
	}()
	c.Registry, err = registry.NewEtcd(registry.EtcdOptions{Endpoints: []string{"unix://" + c.etcdSocket()}})
	if err != nil {
		return nil, err
	}
	if err = os.MkdirAll(c.Caches(), 0o755); err != nil {
		return nil, fmt.Errorf("make the caches' directory: %w", err)
	}
	if err = c.StartEtcd(ctx); err != nil {
		return nil, err
	}
	c.Dev, err = c.openDev(ctx)
	return c, err
}

// Close ends the cluster, unless its lab was opened to stay.
func (c *Cluster) Close() error {
	c.HTTP.CloseIdleConnections()
	return errors.Join(c.Lab.Close(), c.Registry.Close())
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
func (c *Cluster) reserve(ctx context.Context, name string) (*host.Host, error) {
	h, err := c.Lab.Host(ctx, name)
	if errors.Is(err, host.ErrNoHost) {
		h, err = c.Lab.Create(ctx, name)
	}
	return h, err
}

// runs notes a host whose journal is worth a look when something fails.
func (c *Cluster) runs(h *host.Host) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hosts = append(c.hosts, h)
}
