package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/node"
	"github.com/nsched/nsched/node/guard"
	"github.com/nsched/nsched/units/loop"
)

func (s *session) reaperCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:    "reaper",
		Short:  "Kill what the guard can no longer answer for",
		Hidden: true,
		Long: "Kill the singletons of this machine, and what else may not run without contact, once the guard's word\n" +
			"about them has run out and their time to stop is over. It runs as a unit of its own beside the guard,\n" +
			"and asks neither the guard nor systemd nor etcd.",
		Args: arguments(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			loaded, err := nodeConfig().load(file, c.Flags())
			if err != nil {
				return err
			}
			return s.runReaper(c.Context(), loaded)
		},
	}
	c.Flags().StringVar(&file, "config", "", "file to read (default "+configDir+"/node.json)")
	return c
}

func (s *session) runReaper(ctx context.Context, c config) error {
	log, err := s.logger(c.text("log.level"), c.text("log.format"))
	if err != nil {
		return err
	}
	boot, err := node.BootID()
	if err != nil {
		return err
	}
	log.Info().Str("version", version).Msg("reaper started")
	ping, pingEvery := watchdog(log)
	return guard.ReaperProcess{
		Options: guard.ReaperOptions{
			BootID: boot, Machine: boundUnits{Bounds: boundNotes(c)}, Hearer: guard.NewWordFile(guardWord(c)), Logger: log,
		},
		Ready: notifyReady, Ping: ping, PingEvery: pingEvery, Clock: loop.Now,
	}.Run(ctx)
}
