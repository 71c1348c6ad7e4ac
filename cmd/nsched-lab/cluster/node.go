package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
	"github.com/nsched/nsched/units"
)

// The daemons of a node, as systemd knows them.
const (
	GuardUnit  = "nsched-guard.service"
	ReaperUnit = "nsched-reaper.service"
	DaemonUnit = "nsched-node.service"
)

// Where nsched is on a host.
const (
	hostBin   = "/usr/local/bin"
	hostUnits = "/usr/local/lib/systemd/system"
)

// Node is a host that runs guard and daemon.
type Node struct {
	*host.Host
	Node units.NodeName
	c    *Cluster
}

// NodeOptions are what makes a node different from another.
type NodeOptions struct {
	Labels []string // "zone=a"
	Traits []string
	// Binds are shown in a host that has to be made.
	Binds []host.Bind
	// Settings are laid over the rest of node.json, by section and key.
	Settings map[string]map[string]any
}

// AddNode takes the host of that name, or makes one, installs nsched on it and boots it. Guard, reaper and daemon are enabled, so they come
// back with every boot. It does not wait until the node is registered: see Ready.
func (c *Cluster) AddNode(ctx context.Context, name string, o NodeOptions) (*Node, error) {
	h, err := c.reserve(ctx, name, o.Binds...)
	if err != nil {
		return nil, err
	}
	c.runs(h)
	n := &Node{Host: h, Node: units.NodeName(name), c: c}
	if err := c.Install(ctx, h); err != nil {
		return nil, err
	}
	if err := n.Configure(ctx, o); err != nil {
		return nil, err
	}
	if err := h.PowerOn(ctx); err != nil {
		return nil, err
	}
	if _, err := h.Exec(ctx, "systemctl", "enable", "--now", "--quiet", ReaperUnit, GuardUnit, DaemonUnit); err != nil {
		return nil, fmt.Errorf("start nsched on %s: %w", name, err)
	}
	return n, nil
}

// Install puts programs and unit files where "make install" puts them.
func (c *Cluster) Install(ctx context.Context, h *host.Host) error {
	for _, name := range []string{nschedProgram, shimProgram} {
		if err := h.CopyIn(ctx, c.programs.path(name), filepath.Join(hostBin, name)); err != nil {
			return err
		}
	}
	for _, kind := range []string{"service", "target", "slice", "conf"} {
		files, err := filepath.Glob(filepath.Join(c.programs.Root, "node/install/*."+kind))
		if err != nil || len(files) == 0 && kind == "service" {
			return errors.Join(fmt.Errorf("install on %s: there are no unit files", h.Name()), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return fmt.Errorf("install on %s: %w", h.Name(), err)
			}
			name := filepath.Base(file)
			if slice, ok := strings.CutSuffix(name, ".conf"); ok {
				name = slice + ".d/nsched.conf"
			}
			text = []byte(strings.ReplaceAll(string(text), "@bindir@", hostBin))
			if err := h.WriteFile(ctx, filepath.Join(hostUnits, name), text, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// Configure writes node.json.
func (n *Node) Configure(ctx context.Context, o NodeOptions) error {
	settings := map[string]map[string]any{
		"node":    {"name": string(n.Node), "addresses": []string{n.Address().String()}, "labels": o.Labels, "traits": o.Traits},
		"etcd":    {"endpoints": n.c.Endpoints(), "allowInsecure": true},
		"reserve": {"cpu": "100m", "memory": "256Mi", "disk": "0"},
		"nix":     {"caches": []string{n.c.CacheURL(MainCache)}, "publicKeys": []string{n.c.Dev.PublicKey}},
		"api":     {"listen": "0.0.0.0:7440", "allowInsecure": true},
		"log":     {"level": "debug"},
	}
	for section, keys := range o.Settings {
		for key, value := range keys {
			if settings[section] == nil {
				settings[section] = map[string]any{}
			}
			settings[section][key] = value
		}
	}
	for _, keys := range settings {
		for key, value := range keys {
			if list, ok := value.([]string); ok && list == nil {
				delete(keys, key)
			}
		}
	}
	text, err := json.MarshalIndent(settings, "", "  ")
	if err != nil {
		return fmt.Errorf("configure %s: %w", n.Name(), err)
	}
	return n.WriteFile(ctx, "/etc/nsched/node.json", append(text, '\n'), 0o644)
}

// MainPID returns the main process of a unit of systemd's, as the host numbers it; 0 when there is none.
func (n *Node) MainPID(ctx context.Context, unit string) (int, error) {
	text, err := n.Property(ctx, unit, "MainPID")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// Property reads one property of a unit from systemd.
func (n *Node) Property(ctx context.Context, unit, property string) (string, error) {
	return n.Exec(ctx, "systemctl", "show", "--value", "--property="+property, unit)
}

// Kill sends a signal to a unit's main process, and to nothing else of it.
func (n *Node) Kill(ctx context.Context, unit, signal string) error {
	_, err := n.Exec(ctx, "systemctl", "kill", "--kill-whom=main", "--signal="+signal, unit)
	return err
}

// URL is an address of the node's API.
func (n *Node) URL(path string) string { return fmt.Sprintf("http://%s:7440%s", n.Name(), path) }

// Ask gets something from the node's API: the code and the body.
func (n *Node) Ask(ctx context.Context, path string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL(path), nil)
	if err != nil {
		return 0, "", err
	}
	rsp, err := n.c.HTTP.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer rsp.Body.Close()
	body, err := io.ReadAll(rsp.Body)
	return rsp.StatusCode, string(body), err
}

// errNotReady wraps what a node says about itself.
var errNotReady = errors.New("the node is not ready")

// Ready returns nil when the node says that it is ready, else what is the matter.
func (n *Node) Ready(ctx context.Context) error {
	code, body, err := n.Ask(ctx, "/readyz")
	if err == nil && code != http.StatusOK {
		err = fmt.Errorf("%w: %s", errNotReady, strings.TrimSpace(body))
	}
	return err
}
