package cluster

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
	"github.com/nsched/nsched/units/registry"
)

// EtcdURL is how hosts reach etcd where there is one.
const EtcdURL = "http://" + host.LabName + ":2379"

// Endpoints are how hosts reach etcd: one URL for each member.
func (c *Cluster) Endpoints() []string {
	if len(c.Members) == 0 {
		return []string{EtcdURL}
	}
	var urls []string
	for _, m := range c.Members {
		urls = append(urls, "http://"+m.Name+":2379")
	}
	return urls
}

// Environment lets the CLI find etcd.
func (c *Cluster) Environment() []string {
	return []string{"NSCHED_ENDPOINTS=" + strings.Join(c.Endpoints(), ","), "NSCHED_ALLOW_INSECURE=true", "NO_COLOR=1"}
}

func (c *Cluster) etcdSocket() string { return filepath.Join(c.dir(), "etcd.sock") }

// observe connects those who watch from outside to all there is of etcd.
func (c *Cluster) observe(o Options) (err error) {
	options := registry.EtcdOptions{Endpoints: []string{"unix://" + c.etcdSocket()}}
	if o.Members > 0 {
		options = registry.EtcdOptions{RequestTimeout: observeWithin}
		for i := range o.Members {
			options.Endpoints = append(options.Endpoints, "unix://"+c.memberSocket(fmt.Sprintf("e%d", i+1)))
		}
	}
	c.Registry, err = registry.NewEtcd(options)
	return err
}

// StartEtcd starts etcd with the data it had and returns when it answers. It is for a cluster with one.
func (c *Cluster) StartEtcd(ctx context.Context) error {
	p, err := c.Start(ctx, "etcd.log", c.programs.path(etcdProgram),
		// The holder's own /run: in memory, and gone with the lab.
		"--name=lab", "--data-dir=/run/etcd", "--log-level=warn",
		"--listen-client-urls=http://0.0.0.0:2379,unix://"+c.etcdSocket(),
		"--advertise-client-urls="+EtcdURL,
		"--listen-peer-urls=http://127.0.0.1:2380",
		"--auto-compaction-mode=periodic", "--auto-compaction-retention=5m",
	)
	if err != nil {
		return fmt.Errorf("start etcd: %w", err)
	}
	c.mu.Lock()
	c.etcd = p
	c.mu.Unlock()
	return c.awaitEtcd(ctx, p)
}

// awaitEtcd returns when etcd answers, or when the process, where one is given, has ended.
func (c *Cluster) awaitEtcd(ctx context.Context, p *host.Process) error {
	var ended <-chan struct{}
	if p != nil {
		ended = p.Done()
	}
	for {
		_, err := c.Registry.Range(ctx, registry.Range{Key: c.Keys.Cluster()})
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("await etcd: %w: %w", context.Cause(ctx), err)
		case <-ended:
			return fmt.Errorf("await etcd: %w; %s says why", p.Wait(), filepath.Join(c.Lab.Logs(), "etcd.log"))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// KillEtcd kills etcd and returns when it is gone. Its data stays.
func (c *Cluster) KillEtcd() error {
	c.mu.Lock()
	p := c.etcd
	c.mu.Unlock()
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill etcd: %w", err)
	}
	<-p.Done()
	return nil
}
