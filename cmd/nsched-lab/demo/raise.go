package demo

import (
	"context"
	"fmt"
	"path"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

// raise brings the cluster up.
func (d *show) raise(ctx context.Context) error {
	d.step("A cluster")
	d.tell(
		"  lab       etcd, which holds all state; a binary cache; CoreDNS",
		"  s1 s2     a scheduler each: one leads, the other waits",
		"  n1 n2 n3  nodes: a guard, which holds the machine's place, and a daemon, which runs units",
		"  dev       your machine: Nix, the nsched command, a private signing key")
	programs, err := cluster.Built(ctx, d.o.Checkout)
	if err != nil {
		return err
	}
	begun := time.Now()
	d.c, err = cluster.Open(ctx, cluster.Options{Programs: programs, Lab: host.Options{Detach: d.o.Keep}})
	if err != nil {
		return err
	}
	d.say("The lab's name is %s. Its logs are in %s.\n", d.c.Lab.ID(), d.c.Lab.Logs())
	serve := append(append([]string{}, d.o.Serve...), d.c.Caches(), ":"+cluster.CachePort)
	if _, err := d.c.Start(ctx, "cache.log", serve...); err != nil {
		return fmt.Errorf("serve the cache: %w", err)
	}
	if err := d.c.StartCoreDNS(ctx); err != nil {
		return err
	}
	if err := d.hosts(ctx); err != nil {
		return err
	}
	d.took("lab, etcd, cache, DNS, two schedulers, three nodes up", time.Since(begun))
	if err := d.c.Dev.Prepare(ctx); err != nil {
		return err
	}
	return d.dev(ctx, "nsched nodes")
}

var (
	schedulers = []string{"s1", "s2"}
	nodes      = []string{"n1", "n2", "n3"}
)

// hosts boots schedulers and nodes, all at once, and waits until they are ready.
func (d *show) hosts(ctx context.Context) error {
	for _, name := range append(slices.Clone(schedulers), nodes...) { // in order, and so are their addresses
		if _, err := d.c.Lab.Create(ctx, name); err != nil {
			return err
		}
	}
	d.nodes, d.schedulers = map[string]*cluster.Node{}, map[string]*cluster.Scheduler{}
	var mu sync.Mutex
	group, booting := errgroup.WithContext(ctx)
	for _, name := range schedulers {
		group.Go(func() error {
			s, err := d.c.AddScheduler(booting, name)
			mu.Lock()
			defer mu.Unlock()
			d.schedulers[name] = s
			return err
		})
	}
	for _, name := range nodes {
		group.Go(func() error {
			n, err := d.c.AddNode(booting, name, cluster.NodeOptions{})
			if err != nil {
				return err
			}
			mu.Lock()
			d.nodes[name] = n
			mu.Unlock()
			return until(booting, name+" is ready", func() error { return n.Ready(booting) })
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return until(ctx, "a scheduler leads", func() error { _, _, err := d.leader(ctx); return err })
}

// build builds, signs and pushes the example.
func (d *show) build(ctx context.Context) error {
	d.step("An app is built, signed and pushed")
	d.tell(
		"The example is a small HTTP service. Nix builds it into a store path whose name is a hash of all it",
		"was made of; it is signed with a key that the nodes trust, and pushed into the cache.")
	for _, line := range []string{
		"nix-build ./default.nix --out-link result",
		"nix copy --to '" + cluster.PushURL(cluster.MainCache) + "' ./result",
		"cat app.json",
	} {
		if err := d.dev(ctx, line); err != nil {
			return err
		}
	}
	return nil
}

// submit submits the example and waits for it, as the command does.
func (d *show) submit(ctx context.Context) error {
	d.step("It is submitted")
	d.tell(
		"The leader decides where each of the three units goes; each node fetches the closure, checks every",
		"signature, pins it and starts a sandboxed systemd unit; a unit counts once its health check passes.")
	begun := time.Now()
	if err := d.dev(ctx, "nsched submit app.json"); err != nil {
		return err
	}
	d.took("submit of three units, fetched from the cache, until all are healthy", time.Since(begun))
	if err := d.dev(ctx, "nsched status hello"); err != nil {
		return err
	}
	units, err := d.units(ctx)
	if err != nil {
		return err
	}
	if len(units) == 0 {
		return errNoUnit
	}
	u := units[0]
	d.tell("On its node a unit is an ordinary systemd service, under a user of its own, and sandboxed:")
	line := "systemctl status --no-pager --lines=2 nsched." + u.Unit + ".service; systemd-analyze security --no-pager nsched." + u.Unit + ".service | tail -n 1"
	return d.on(ctx, u.Node, line)
}

// on runs a command line on a node and shows both.
func (d *show) on(ctx context.Context, node, line string) error {
	d.command(node, line)
	out := &indented{to: d.out}
	err := d.nodes[node].Run(ctx, host.Command{Argv: []string{"sh", "-c", line}, Stdout: out, Stderr: out})
	if err != nil {
		return fmt.Errorf("run %q on %s: %w", path.Base(line), node, err)
	}
	return nil
}
