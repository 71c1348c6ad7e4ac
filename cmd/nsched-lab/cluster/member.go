package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
	"github.com/nsched/nsched/units/registry"
)

// Member is one of several etcd members: a process in a cell of its own, with data of its own that
// outlive it.
type Member struct {
	*Cell
	// Registry talks to this member alone, over a socket that no fault of the network touches.
	Registry *registry.Etcd

	mu      sync.Mutex
	process *host.Process
}

// observeWithin bounds a request of those who watch from outside: a member that is stopped must not
// hold them up.
const observeWithin = 2 * time.Second

func (c *Cluster) memberSocket(name string) string {
	return filepath.Join(c.dir(), "etcd-"+name+".sock")
}

// openMembers starts all members and returns when they answer as one.
func (c *Cluster) openMembers(ctx context.Context, n int) error {
	for i := range n {
		cell := c.cells[fmt.Sprintf("e%d", i+1)]
		r, err := registry.NewEtcd(registry.EtcdOptions{
			Endpoints: []string{"unix://" + c.memberSocket(cell.Name)}, RequestTimeout: observeWithin,
		})
		if err != nil {
			return err
		}
		c.Members = append(c.Members, &Member{Cell: cell, Registry: r})
	}
	for _, m := range c.Members {
		if err := m.Run(ctx); err != nil {
			return err
		}
	}
	return c.awaitEtcd(ctx, nil)
}

// Run starts the member with the data it had. It does not wait until it answers.
func (m *Member) Run(ctx context.Context) error {
	var peers []string
	for _, o := range m.c.Members {
		peers = append(peers, fmt.Sprintf("%s=http://%s:2380", o.Name, o.Address))
	}
	// A socket that a killed process left is in the way of the next.
	if err := os.Remove(m.c.memberSocket(m.Name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("start etcd %s: %w", m.Name, err)
	}
	p, err := m.Start(ctx, "etcd-"+m.Name+".log", m.c.programs.path(etcdProgram),
		"--name="+m.Name, "--data-dir=/run/etcd/"+m.Name, "--log-level=warn",
		"--listen-client-urls=http://0.0.0.0:2379,unix://"+m.c.memberSocket(m.Name),
		"--advertise-client-urls=http://"+m.Name+":2379",
		"--listen-peer-urls=http://0.0.0.0:2380", fmt.Sprintf("--initial-advertise-peer-urls=http://%s:2380", m.Address),
		"--initial-cluster="+strings.Join(peers, ","), "--initial-cluster-token="+m.c.Lab.ID(),
		"--auto-compaction-mode=periodic", "--auto-compaction-retention=5m",
	)
	if err != nil {
		return fmt.Errorf("start etcd %s: %w", m.Name, err)
	}
	m.mu.Lock()
	m.process = p
	m.mu.Unlock()
	return nil
}

// Signal sends a signal to the member's process.
func (m *Member) Signal(s syscall.Signal) error {
	m.mu.Lock()
	p := m.process
	m.mu.Unlock()
	return p.Signal(s)
}

// Kill kills the member and returns when it is gone. Its data stay.
func (m *Member) Kill() error {
	if err := m.Signal(syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill etcd %s: %w", m.Name, err)
	}
	m.mu.Lock()
	p := m.process
	m.mu.Unlock()
	<-p.Done()
	return nil
}

// errNoLeader: no member says that it leads.
var errNoLeader = errors.New("no etcd member leads")

// LeadingMember returns the etcd member that leads the others, as it says itself.
func (c *Cluster) LeadingMember(ctx context.Context) (*Member, error) {
	ctx, cancel := context.WithTimeout(ctx, observeWithin)
	defer cancel()
	for _, m := range c.Members {
		if leads, err := m.leads(ctx); err == nil && leads {
			return m, nil
		}
	}
	return nil, errNoLeader
}
