package cluster

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

// SchedulerUnit is the scheduler, as systemd knows it.
const SchedulerUnit = "nsched-scheduler.service"

// Scheduler is a host that runs a scheduler.
type Scheduler struct{ *host.Host }

// AddScheduler takes the host of that name, or makes one, installs nsched on it, boots it and starts a scheduler there, from the unit
// file that is installed anywhere else. It does not wait until somebody leads.
func (c *Cluster) AddScheduler(ctx context.Context, name string) (*Scheduler, error) {
	h, err := c.reserve(ctx, name)
	if err != nil {
		return nil, err
	}
	c.runs(h)
	if err := c.Install(ctx, h); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(map[string]map[string]any{
		"scheduler": {"name": name},
		"etcd":      {"endpoints": c.Endpoints(), "allowInsecure": true},
		"api":       {"listen": "0.0.0.0:7441", "allowInsecure": true},
		"log":       {"level": "debug"},
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("configure %s: %w", name, err)
	}
	if err := h.WriteFile(ctx, "/etc/nsched/scheduler.json", append(text, '\n'), 0o644); err != nil {
		return nil, err
	}
	if err := h.PowerOn(ctx); err != nil {
		return nil, err
	}
	if _, err := h.Exec(ctx, "systemctl", "enable", "--now", "--quiet", SchedulerUnit); err != nil {
		return nil, fmt.Errorf("start a scheduler on %s: %w", name, err)
	}
	return &Scheduler{h}, nil
}

// Kill kills the scheduler with SIGKILL. systemd starts another one a second later.
func (s *Scheduler) Kill(ctx context.Context) error {
	_, err := s.Exec(ctx, "systemctl", "kill", "--kill-whom=main", "--signal=KILL", SchedulerUnit)
	return err
}
