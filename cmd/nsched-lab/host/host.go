package host

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/host/wire"
)

// Power states that Host.Power reports.
const (
	PowerOff      = "off"
	PowerBooting  = "booting"
	PowerOn       = "on"
	PowerStopping = "stopping"
)

// Host is one systemd host of a lab. Its methods may be called at the same time.
type Host struct {
	runner
	name    string
	address netip.Addr
}

func newHost(l *Lab, h *wire.Host) *Host {
	return &Host{runner: runner{lab: l, host: h.Name}, name: h.Name, address: h.Address}
}

// Name is the host's name, in DNS and as its host name.
func (h *Host) Name() string { return h.name }

// Address is the host's address on the lab's network. It never changes.
func (h *Host) Address() netip.Addr { return h.address }

// Lab is the lab that the host is part of.
func (h *Host) Lab() *Lab { return h.lab }

// bootWithin bounds a boot, which takes a second or two: a host that never comes up must not hang its
// caller for ever.
const bootWithin = 2 * time.Minute

// PowerOn boots the host with the files it has and returns when systemd finished starting, failed units
// or not. ErrPower when it is not off, ErrBoot when it does not come up. When it fails or ctx ends first,
// the host is off again.
func (h *Host) PowerOn(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, bootWithin)
	defer cancel()
	err := h.ask(bounded, wire.OpPowerOn)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("boot %s: %w within %v; its console is in %s. With many hosts on one machine, "+
			"systemd may get no inotify instance: see fs.inotify.max_user_instances", h.name, ErrBoot, bootWithin, h.lab.Logs())
	}
	return err
}

// PowerOff cuts the power: the cable goes silent, then every process is gone without a word. It returns
// when all of it has ended. A host that is off stays off.
func (h *Host) PowerOff(ctx context.Context) error { return h.ask(ctx, wire.OpPowerOff) }

// Shutdown lets systemd stop everything in good order and returns when the host is off. ErrPower when
// it is not on. When ctx ends first, the host goes on shutting down.
func (h *Host) Shutdown(ctx context.Context) error { return h.ask(ctx, wire.OpShutdown) }

func (h *Host) ask(ctx context.Context, op wire.Op) error {
	_, err := h.lab.ask(ctx, wire.Request{Op: op, Host: h.name})
	return err
}

// Power says what state the host is in: PowerOff, PowerBooting, PowerOn or PowerStopping. A host that
// is told to reboot from inside goes through all of them by itself.
func (h *Host) Power(ctx context.Context) (string, error) {
	state, err := h.state(ctx)
	return state.Power, err
}

// Faults describes the network faults in force, for people.
func (h *Host) Faults(ctx context.Context) ([]string, error) {
	state, err := h.state(ctx)
	return state.Faults, err
}

func (h *Host) state(ctx context.Context) (wire.Host, error) {
	reply, err := h.lab.ask(ctx, wire.Request{Op: wire.OpInfo})
	if err != nil {
		return wire.Host{}, err
	}
	for _, n := range reply.Info.Hosts {
		if n.Name == h.name {
			return n, nil
		}
	}
	return wire.Host{}, ErrNoHost
}
