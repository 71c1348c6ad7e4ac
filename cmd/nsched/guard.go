package main

import (
	"context"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/node"
	"github.com/nsched/nsched/node/guard"
	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
)

// Files below paths.runtime.
func guardSocket(c config) string { return filepath.Join(c.text("paths.runtime"), "guard.sock") }
func guardMemory(c config) string { return filepath.Join(c.text("paths.runtime"), "guard.json") }
func guardWord(c config) string   { return filepath.Join(c.text("paths.runtime"), "guard.word") }

func (s *session) guardCommand() *cobra.Command {
	var file, upgrade string
	c := &cobra.Command{
		Use:    "guard",
		Short:  "Hold this machine's place in the cluster",
		Hidden: true,
		Long: "Hold this machine's place in the cluster: its lease, its tenure and its fence. It runs as a unit of\n" +
			"its own beside the node daemon and is replaced in place:\n\n" +
			"  nsched guard --upgrade BINARY\n\n" +
			"tells the running guard to become BINARY, under the same PID and in the same tenure, and waits until\n" +
			"it has.",
		Args: arguments(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			loaded, err := nodeConfig().load(file, c.Flags())
			if err != nil {
				return err
			}
			if upgrade != "" {
				return upgradeGuard(c.Context(), guardSocket(loaded), upgrade)
			}
			return s.runGuard(c.Context(), loaded)
		},
	}
	c.Flags().StringVar(&file, "config", "", "file to read (default "+configDir+"/node.json)")
	c.Flags().StringVar(&upgrade, "upgrade", "", "tell the running guard to become this program")
	return c
}

func (s *session) runGuard(ctx context.Context, c config) error {
	log, err := s.logger(c.text("log.level"), c.text("log.format"))
	if err != nil {
		return err
	}
	key, err := nodeIdentity(c.text("paths.state"))
	if err != nil {
		return err
	}
	boot, err := node.BootID()
	if err != nil {
		return err
	}
	keys, kv, err := c.etcd().open()
	if err != nil {
		return err
	}
	defer func() { _ = kv.Close() }()
	name := units.NodeName(c.text("node.name"))
	log.Info().Str("node", string(name)).Str("version", version).Msg("guard started")
	manager := systemd.New(systemd.Options{Log: log, Bounds: boundNotes(c)})
	defer manager.Close()
	ping, pingEvery := watchdog(log)
	return guard.Process{
		Options: guard.Options{
			Node: name, Key: key, BootID: boot, Keys: keys, KV: kv,
			Keeper: guard.File(guardMemory(c)), Machine: boundUnits{boundNotes(c), manager},
			Teller: guard.NewWordFile(guardWord(c)), Logger: log,
		},
		Socket: guardSocket(c), Version: version, Ready: notifyReady, Clock: loop.Now,
		Ping: ping, PingEvery: pingEvery, GoingDown: manager.GoingDown,
	}.Run(ctx)
}
