package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

// restartAfter is what the unit file of the scheduler says: RestartSec=1.
const restartAfter = time.Second

// LocalScheduler is a scheduler in a cell, started again whenever it ends, as its unit file would have
// systemd do.
type LocalScheduler struct {
	*Cell
	wait sync.WaitGroup
	stop context.CancelFunc

	mu      sync.Mutex
	process *host.Process
}

// RunScheduler runs a scheduler in the cell of that name until Stop.
func (c *Cluster) RunScheduler(ctx context.Context, name string) (*LocalScheduler, error) {
	cell := c.cells[name]
	if cell == nil {
		return nil, fmt.Errorf("run a scheduler in cell %q: %w", name, host.ErrNoHost)
	}
	dir := filepath.Join(c.dir(), "scheduler-"+name)
	text, err := json.MarshalIndent(map[string]map[string]any{
		"scheduler": {"name": name},
		"etcd":      {"endpoints": c.Endpoints(), "allowInsecure": true},
		"api":       {"listen": cell.Address.String() + ":7441", "allowInsecure": true},
		"paths":     {"state": filepath.Join(dir, "state"), "runtime": filepath.Join(dir, "runtime")},
		"log":       {"level": "debug", "format": "json"},
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("configure %s: %w", name, err)
	}
	for _, sub := range []string{"state", "runtime"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("configure %s: %w", name, err)
		}
	}
	file := filepath.Join(dir, "scheduler.json")
	if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
		return nil, fmt.Errorf("configure %s: %w", name, err)
	}
	s := &LocalScheduler{Cell: cell}
	argv := []string{c.programs.Nsched(), "scheduler", "--config", file}
	if s.process, err = cell.Start(ctx, "scheduler-"+name+".log", argv...); err != nil {
		return nil, fmt.Errorf("start scheduler %s: %w", name, err)
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.wait.Go(func() { s.supervise(life, argv) })
	return s, nil
}

func (s *LocalScheduler) supervise(ctx context.Context, argv []string) {
	for {
		s.mu.Lock()
		p := s.process
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			p.Kill()
			return
		case <-p.Done():
		}
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(restartAfter):
			}
			next, err := s.Start(ctx, "scheduler-"+s.Name+".log", argv...)
			if err == nil {
				s.mu.Lock()
				s.process = next
				s.mu.Unlock()
				break
			}
		}
	}
}

// Signal sends a signal to the scheduler's process. os.ErrProcessDone where none runs just now.
func (s *LocalScheduler) Signal(sig syscall.Signal) error {
	s.mu.Lock()
	p := s.process
	s.mu.Unlock()
	return p.Signal(sig)
}

// Stop ends the scheduler and its supervision.
func (s *LocalScheduler) Stop() {
	s.stop()
	s.wait.Wait()
}
