package main

import (
	"context"
	mathrand "math/rand/v2"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/nix"
	"github.com/nsched/nsched/node"
	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

// The systemd units of a node: what is bound to its tenure ends with the first, and everything stops before
// the second when the machine goes down. It is not guard or daemon itself: see nsched-units.target.
const (
	guardUnit   = "nsched-guard.service"
	unitsTarget = "nsched-units.target"
)

func (s *session) nodeCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "node",
		Short: "Run the node daemon: make this machine run what is assigned to it",
		Long: "Run the node daemon: make this machine run what is assigned to it. It reads " + configDir + "/node.json,\n" +
			"needs root, systemd and Nix, and works together with nsched guard. Stopping it stops no unit.",
		Args: arguments(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			loaded, err := nodeConfig().load(file, c.Flags())
			if err != nil {
				return err
			}
			return s.runNode(c.Context(), loaded, guardUnit, unitsTarget)
		},
	}
	c.Flags().StringVar(&file, "config", "", "file to read (default "+configDir+"/node.json)")
	return c
}

// runNode runs the daemon. guardUnit is the systemd unit that the guard runs in, target what every unit is
// ordered after; "" where there is none.
func (s *session) runNode(ctx context.Context, c config, guardUnit, target string) error {
	log, err := s.logger(c.text("log.level"), c.text("log.format"))
	if err != nil {
		return err
	}
	offer, err := nodeOffer(c)
	if err != nil {
		return err
	}
	reserve, err := nodeReserve(c)
	if err != nil {
		return err
	}
	shim, err := shimPath(c)
	if err != nil {
		return err
	}
	trusted, err := nix.ParsePublicKeys(c.list("nix.publicKeys"))
	if err != nil {
		return usage("nix.publicKeys: %w", err)
	}
	keys, kv, err := c.etcd().open()
	if err != nil {
		return err
	}
	defer func() { _ = kv.Close() }()
	listener, err := apiListener(c)
	if err != nil {
		return err
	}
	bounds := boundNotes(c)
	manager := systemd.New(systemd.Options{Log: log, Bounds: bounds})
	defer manager.Close()
	store := nix.New(nix.Options{
		NixStore: c.text("nix.nixStore"), TrustedKeys: trusted, Substituters: c.list("nix.caches"),
		AllowUnsigned: c.truth("nix.allowUnsigned"), Logger: &log,
	})
	state := func(name string) string { return filepath.Join(c.text("paths.state"), name) }
	name := units.NodeName(c.text("node.name"))
	log.Info().Str("node", string(name)).Str("version", version).Msg("node daemon started")
	return node.Process{
		Options: node.Options{
			Node: name, BootID: offer.BootID, Version: version, Keys: keys, KV: kv,
			Store: nixStore{store},
			Services: node.Systemd{
				Manager: manager,
				Files: node.ShimFiles{
					Records: systemd.NewRecords(state("records")), Shims: systemd.NewShims(state("exec")), Shim: shim,
				},
				Bounds: bounds, GuardUnit: guardUnit, After: target, GuardSocket: guardSocket(c),
				Down: manager.GoingDown,
			},
			Prober: node.NetProber{}, Ports: node.HostPorts{},
			Records: node.RecordDir(state("units")), Past: node.RecordDir(state("past")), Contact: node.ContactFile(state("contact")),
			MaxOfflineAge: c.duration("node.maxOfflineAge"),
			Seen:          registry.SeenFile(state("node-seen.json")),
			Guard:         guardClient(guardSocket(c)),
			Machine: machine{
				Host: node.Host{
					Offer: offer, Reserve: reserve,
					Versions: versions(manager, c.text("nix.nixStore")),
				},
				listener: listener, encrypted: c.text("api.tlsCert") != "",
			},
			Rand:   mathrand.New(mathrand.NewPCG(uint64(time.Now().UnixNano()), 1)),
			Logger: log,
		},
		Clock: loop.Now, Hints: systemdHints(manager, log), Listener: listener, Journal: node.Journalctl{},
		Ready: notifyReady,
	}.Run(ctx)
}
