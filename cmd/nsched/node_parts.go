package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/nsched/nsched/node"
	"github.com/nsched/nsched/node/guard"
	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
)

// nodeOffer is what the operator decided about this node.
func nodeOffer(c config) (units.Node, error) {
	key, err := nodeIdentity(c.text("paths.state"))
	if err != nil {
		return units.Node{}, err
	}
	boot, err := node.BootID()
	if err != nil {
		return units.Node{}, err
	}
	n := units.Node{
		Key: key, BootID: boot, Addresses: c.list("node.addresses"), Pool: c.text("node.pool"),
		Caches: c.list("nix.caches"), PublicKeys: c.list("nix.publicKeys"), Versions: units.Versions{Nsched: version},
	}
	for _, text := range c.list("node.labels") {
		name, value, err := parseLabel(text)
		if err != nil {
			return units.Node{}, usage("node.labels: %w", err)
		}
		if n.Labels == nil {
			n.Labels = map[string]string{}
		}
		n.Labels[name] = value
	}
	for _, text := range c.list("node.traits") {
		n.Traits = append(n.Traits, units.Trait(text))
	}
	for _, text := range c.list("node.namespaces") {
		n.Namespaces = append(n.Namespaces, units.Namespace(text))
	}
	for _, text := range c.list("node.reservedPorts") {
		r, err := parsePortRange(text)
		if err != nil {
			return units.Node{}, usage("node.reservedPorts: %w", err)
		}
		n.ReservedPorts = append(n.ReservedPorts, r)
	}
	return n, nil
}

func nodeReserve(c config) (units.Capacity, error) {
	cpu, err := units.ParseCPU(c.text("reserve.cpu"))
	if err != nil {
		return units.Capacity{}, usage("reserve.cpu: %w", err)
	}
	memory, err := units.ParseBytes(c.text("reserve.memory"))
	if err != nil {
		return units.Capacity{}, usage("reserve.memory: %w", err)
	}
	disk, err := units.ParseBytes(c.text("reserve.disk"))
	if err != nil {
		return units.Capacity{}, usage("reserve.disk: %w", err)
	}
	return units.Capacity{CPUMilli: int64(cpu), MemoryBytes: int64(memory), DiskBytes: int64(disk)}, nil
}

// shimPath finds the shim, beside this program unless the configuration says.
func shimPath(c config) (string, error) {
	path := c.text("paths.shim")
	if path == "" {
		own, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("find the shim: %w", err)
		}
		path = filepath.Join(filepath.Dir(own), "nsched-exec")
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("find the shim: %w; set paths.shim", err)
	}
	return path, nil
}

// guardClient asks the guard on its socket.
type guardClient string

// State implements node.Guard.
func (socket guardClient) State(ctx context.Context) (guard.State, error) {
	a, err := guard.Ask(ctx, string(socket), guard.Request{Op: "state"})
	if err != nil {
		return guard.State{}, err
	}
	if !a.OK || a.State == nil {
		return guard.State{}, fmt.Errorf("ask the guard: %s", a.Error)
	}
	return *a.State, nil
}

// machine is the host with the address of its API.
type machine struct {
	node.Host
	listener  net.Listener
	encrypted bool
}

// Describe implements node.Machine.
func (m machine) Describe(ctx context.Context) (units.Node, error) {
	n, err := m.Host.Describe(ctx)
	if err == nil {
		n.API = apiURL(m.listener, m.encrypted, n.Addresses)
	}
	return n, err
}

// versions asks for those of systemd and Nix; what does not answer is left out.
func versions(manager *systemd.Manager, nixStore string) func(context.Context) (string, string) {
	if nixStore == "" {
		nixStore = "nix-store"
	}
	return func(ctx context.Context) (string, string) {
		sd, _ := manager.Version(ctx)
		out, err := exec.CommandContext(ctx, nixStore, "--version").Output()
		if err != nil {
			return sd, ""
		}
		words := strings.Fields(string(out)) // nix-store (Nix) 2.8.0
		if len(words) == 0 {
			return sd, ""
		}
		return sd, words[len(words)-1]
	}
}

// hintsAgain is how long after a broken connection systemd is asked for hints again.
const hintsAgain = time.Second

// systemdHints watches systemd until ctx ends, over connections that break.
func systemdHints(manager *systemd.Manager, log zerolog.Logger) func(context.Context, func(units.UnitID)) error {
	return func(ctx context.Context, hint func(units.UnitID)) error {
		for ctx.Err() == nil {
			if err := manager.Watch(ctx, hint); err != nil && !errors.Is(err, context.Canceled) {
				log.Warn().Err(err).Msg("systemd's hints broke off; units are still listed every few seconds")
			}
			select {
			case <-ctx.Done():
			case <-time.After(hintsAgain):
			}
		}
		return nil
	}
}
