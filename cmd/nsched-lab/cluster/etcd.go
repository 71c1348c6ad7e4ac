package cluster

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
	"github.com/nsched/nsched/units/registry"
)

// EtcdURL is how hosts reach etcd.
const EtcdURL = "http://" + host.LabName + ":2379"

func (c *Cluster) etcdSocket() string { return filepath.Join(c.dir(), "etcd.sock") }

// StartEtcd starts etcd with the data it had and returns when it answers.
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
	for {
		_, err = c.Registry.Range(ctx, registry.Range{Key: c.Keys.Cluster()})
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("await etcd: %w: %w", context.Cause(ctx), err)
		case <-p.Done():
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
