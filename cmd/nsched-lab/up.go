package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"text/tabwriter"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

type upFlags struct {
	id, logDir  string
	count       int
	detach      bool
	nameservers []string
	hostsLines  []string
	binds       []string
	hide        []string
}

func upCommand() *cobra.Command {
	var f upFlags
	c := &cobra.Command{
		Use:   "up [HOST…]",
		Short: "Start a lab, boot its hosts and stay until Ctrl-C",
		Long: "Start a lab and boot the named hosts, or n1 to nN. It stays in the foreground; its end, however it\n" +
			"comes, is the end of the lab. With --detach the lab stays until nsched-lab down.",
		RunE: func(c *cobra.Command, names []string) error { return up(c, f, names) },
	}
	c.Flags().StringVar(&f.id, "id", "", "the lab's id, up to 12 lower-case letters and digits (default random)")
	c.Flags().IntVarP(&f.count, "hosts", "n", 3, "how many hosts, when none are named")
	c.Flags().BoolVarP(&f.detach, "detach", "d", false, "leave the lab running and return")
	c.Flags().StringVar(&f.logDir, "log-dir", "", "where consoles and logs go and stay (default: they go with the lab)")
	c.Flags().StringArrayVar(&f.nameservers, "nameserver", nil, "address of a name server (default the lab itself)")
	c.Flags().StringArrayVar(&f.hostsLines, "hosts-line", nil, "line to add to every /etc/hosts")
	c.Flags().StringArrayVar(&f.binds, "bind", nil, "SOURCE:TARGET[:rw] of the machine that every host sees")
	c.Flags().StringArrayVar(&f.hide, "hide", nil, "directory of the machine that hosts see empty")
	return c
}

func up(c *cobra.Command, f upFlags, names []string) (err error) {
	ctx := c.Context()
	options := host.Options{ID: f.id, LogDir: f.logDir, HostsLines: f.hostsLines, Hide: f.hide, Detach: f.detach}
	options.Logger = zerolog.New(zerolog.ConsoleWriter{Out: c.ErrOrStderr()}).With().Timestamp().Logger()
	for _, text := range f.nameservers {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return usageError{fmt.Errorf("--nameserver: %w", err)}
		}
		options.Nameservers = append(options.Nameservers, a)
	}
	for _, text := range f.binds {
		b, err := parseBind(text)
		if err != nil {
			return usageError{err}
		}
		options.Binds = append(options.Binds, b)
	}
	if len(names) == 0 {
		for i := range f.count {
			names = append(names, fmt.Sprintf("n%d", i+1))
		}
	}
	lab, err := host.Open(ctx, options)
	if err != nil {
		return err
	}
	defer func() {
		if !f.detach || err != nil {
			err = errors.Join(err, lab.Down())
		}
	}()
	if err := boot(ctx, lab, names); err != nil {
		return err
	}
	if err := describe(context.WithoutCancel(ctx), c, lab); err != nil || f.detach {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case <-lab.Done():
		return fmt.Errorf("lab %s ended", lab.ID())
	}
}

// boot makes the hosts in their order, which decides their addresses, and boots them all at once.
func boot(ctx context.Context, lab *host.Lab, names []string) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, name := range names {
		h, err := lab.Create(ctx, name)
		if err != nil {
			return errors.Join(err, g.Wait())
		}
		g.Go(func() error { return h.PowerOn(ctx) })
	}
	return g.Wait()
}

func describe(ctx context.Context, c *cobra.Command, lab *host.Lab) error {
	hosts, err := lab.Hosts(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "lab\t%s\t%s\n", lab.ID(), lab.Address())
	for _, h := range hosts {
		_, _ = fmt.Fprintf(w, "host\t%s/%s\t%s\n", lab.ID(), h.Name(), h.Address())
	}
	_, _ = fmt.Fprintf(w, "logs\t%s\t\n", lab.Logs())
	return w.Flush()
}

func parseBind(text string) (host.Bind, error) {
	source, rest, ok := strings.Cut(text, ":")
	target, mode, _ := strings.Cut(rest, ":")
	if !ok || !strings.HasPrefix(source, "/") || !strings.HasPrefix(target, "/") || (mode != "" && mode != "rw") {
		return host.Bind{}, fmt.Errorf("--bind %q: write SOURCE:TARGET or SOURCE:TARGET:rw with absolute paths", text)
	}
	return host.Bind{Source: source, Target: target, Writable: mode == "rw"}, nil
}
