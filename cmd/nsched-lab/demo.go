package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/demo"
)

func demoCommand() *cobra.Command {
	var keep bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show the whole system in a lab of its own",
		Long: "Show the whole system in a lab of its own: a cluster comes up, takes an app, loses a machine, a\n" +
			"scheduler and a node daemon, and goes on. It takes two minutes and leaves nothing, unless --keep, or\n" +
			"KEEP=1 in the environment, leaves the lab running. It needs what \"make build parts\" builds.",
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find this program: %w", err)
			}
			root, err := cluster.Checkout(filepath.Dir(self))
			if err != nil {
				return err
			}
			return demo.Run(c.Context(), demo.Options{
				Checkout: root, Serve: []string{self, serveVerb}, Out: c.OutOrStdout(),
				Keep: keep || os.Getenv("KEEP") != "" && os.Getenv("KEEP") != "0",
			})
		},
	}
	c.Flags().BoolVar(&keep, "keep", false, "leave the lab running, and say how to talk to it")
	return c
}

const serveVerb = "serve"

func serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:    serveVerb + " DIR ADDRESS",
		Short:  "Serve a directory over HTTP, such as a binary cache",
		Hidden: true,
		Args:   args(cobra.ExactArgs(2)),
		RunE: func(_ *cobra.Command, a []string) error {
			server := &http.Server{Addr: a[1], Handler: http.FileServer(http.Dir(a[0])), ReadHeaderTimeout: 10 * time.Second}
			return server.ListenAndServe() // ends with the process
		},
	}
}
