package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	mathrand "math/rand/v2"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/nsched/nsched/dns"
	"github.com/nsched/nsched/dns/cloudflare"
	"github.com/nsched/nsched/node"
	"github.com/nsched/nsched/scheduler"
	"github.com/nsched/nsched/scheduler/placement"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
	"github.com/nsched/nsched/units/registry/embedded"
)

func (s *session) schedulerCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "scheduler",
		Short: "Run a scheduler; of all that run, one leads",
		Long: "Run a scheduler. Any number may run; one leads and decides which node runs each unit, and when it\n" +
			"stops another takes over. It reads " + configDir + "/scheduler.json.\n\n" +
			"--embedded-etcd DIR runs an etcd in the same process, for a small cluster: it listens at\n" +
			"etcd.endpoints, keeps its history for 5 minutes and may grow to 8 GiB.",
		Args: arguments(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			loaded, err := schedulerConfig().load(file, c.Flags())
			if err != nil {
				return err
			}
			return s.runScheduler(c.Context(), loaded)
		},
	}
	c.Flags().StringVar(&file, "config", "", "file to read (default "+configDir+"/scheduler.json)")
	c.Flags().String("embedded-etcd", "", "run an etcd that keeps its data in this directory")
	return c
}

func (s *session) runScheduler(ctx context.Context, c config) error {
	log, err := s.logger(c.text("log.level"), c.text("log.format"))
	if err != nil {
		return err
	}
	if dir := c.text("etcd.embeddedDir"); dir != "" {
		etcd, err := startEtcd(ctx, c, dir, log)
		if err != nil {
			return err
		}
		defer etcd.Close()
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
	name := c.text("scheduler.name")
	addresses, err := node.Addresses()
	if err != nil {
		// Only a scheduler that listens on every address has to say one of its own.
		log.Warn().Err(err).Msg("no address of this machine is known to others")
	}
	policy := placement.DefaultPolicy()
	policy.Algorithm = units.Algorithm(c.text("placement.algorithm"))
	leases := placement.DefaultLeases()
	leases.AgentLostAfter = c.duration("placement.agentLostAfter")
	log.Info().Str("name", name).Str("version", version).Msg("scheduler started")
	return scheduler.Process{
		Options: scheduler.Options{
			Self:      units.Leader{Name: name, API: apiURL(listener, c.text("api.tlsCert") != "", addresses)},
			ClusterID: newClusterID(), Names: keepNames(c, keys, log), Keys: keys, KV: kv, Policy: policy, Leases: leases, Logger: log,
			Seen: registry.SeenFile(filepath.Join(c.text("paths.state"), "scheduler-seen.json")),
			Rand: mathrand.New(mathrand.NewPCG(uint64(time.Now().UnixNano()), 1)),
		},
		Clock: loop.Now, Listener: listener, Ready: notifyReady,
	}.Run(ctx)
}

// names is the DNS syncer as the scheduler takes it.
type names struct{ *dns.Syncer }

// Report implements scheduler.Names.
func (n names) Report() any { return n.Status() }

// keepNames makes the part of the leader that keeps the DNS: CoreDNS' records always, a zone's where one
// is configured.
func keepNames(c config, keys registry.Keys, log zerolog.Logger) func(loop.Executor) (scheduler.Names, error) {
	return func(x loop.Executor) (scheduler.Names, error) {
		providers := map[units.DNSProvider]dns.Provider{}
		if zones := c.list("cloudflare.zones"); len(zones) > 0 {
			o := cloudflare.Options{TokenFile: c.text("cloudflare.tokenFile"), Clock: loop.Now}
			for _, text := range zones {
				name, id, _ := strings.Cut(text, "=")
				o.Zones = append(o.Zones, cloudflare.Zone{Name: name, ID: id})
			}
			p, err := cloudflare.New(o)
			if err != nil {
				return nil, err
			}
			providers[units.ProviderCloudflare] = p
		}
		s, err := dns.New(dns.Options{Exec: x, Keys: keys, Providers: providers, Log: log})
		return names{s}, err
	}
}

// startEtcd runs the etcd of a small cluster in this process.
func startEtcd(ctx context.Context, c config, dir string, log zerolog.Logger) (*embedded.Server, error) {
	etcd, err := embedded.Start(ctx, embedded.Options{
		Dir: dir, Listen: c.list("etcd.endpoints"), AllowInsecure: c.truth("etcd.allowInsecure"),
		CertFile: c.text("etcd.cert"), KeyFile: c.text("etcd.key"), CAFile: c.text("etcd.cacert"),
		Logger: log,
	})
	if err != nil {
		return nil, fmt.Errorf("run the embedded etcd: %w", err)
	}
	return etcd, nil
}

// newClusterID names a cluster: 128 random bits, so that two clusters never own each other's records.
func newClusterID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // it never fails, see crypto/rand
	return hex.EncodeToString(id[:])
}
