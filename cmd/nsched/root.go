package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The groups under which help lists the verbs.
const (
	groupApps    = "apps"
	groupNodes   = "nodes"
	groupRunning = "running"
)

func (s *session) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "nsched",
		Short: "Run services that are exact Nix store paths on a pool of machines",
		Long: "nsched runs services that are exact Nix store paths on a pool of machines.\n\n" +
			"APP is NAME or NAMESPACE/NAME. UNIT is APP:SLOT, such as hello:0 or prod/monitor:node1.\n\n" +
			"Exit codes: 0 ok, 1 error, 2 wrong usage or invalid app, 3 cannot be placed, 4 failed or reverted,\n" +
			"5 changed meanwhile, 6 cluster unreachable, 7 --timeout passed, 130 Ctrl-C. An etcd that is there and elects\n" +
			"a leader is waited for, up to 5 s.",
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: s.begin,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("there is no verb %q%s; see nsched --help", args[0], suggest(c.SuggestionsFor(args[0])))
			}
			return c.Help()
		},
	}
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%w; see %s --help", err, c.CommandPath())
	})
	root.AddGroup(
		&cobra.Group{ID: groupApps, Title: "Apps and units:"},
		&cobra.Group{ID: groupNodes, Title: "Nodes:"},
		&cobra.Group{ID: groupRunning, Title: "Running nsched:"},
	)
	s.globalFlags(root.PersistentFlags())
	group := func(id string, list ...*cobra.Command) {
		for _, c := range list {
			c.GroupID = id
			root.AddCommand(c)
		}
	}
	group(groupApps, s.submitCommand(), s.planCommand(), s.validateCommand(), s.schemaCommand(), s.statusCommand(),
		s.explainCommand(), s.scaleCommand(), s.stopCommand(), s.unitsCommand(), s.logsCommand(), s.eventsCommand())
	group(groupNodes, s.nodesCommand(), s.cordonCommand(), s.uncordonCommand())
	group(groupRunning, s.devCommand(), s.schedulerCommand(), s.nodeCommand(), s.clusterCommand(), s.configCommand(), s.completionCommand(), s.versionCommand())
	group(groupRunning, s.guardCommand(), s.reaperCommand(), s.manCommand()) // hidden
	root.SetHelpCommandGroupID(groupRunning)
	return root
}

func suggest(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return ", did you mean " + strings.Join(names, " or ") + "?"
}

func (s *session) globalFlags(f *pflag.FlagSet) {
	g := &s.flags
	f.StringVarP(&g.output, "output", "o", "table", "table, wide, json or yaml")
	f.StringVarP(&g.namespace, "namespace", "n", "", "namespace (default \"default\")")
	f.BoolVarP(&g.all, "all-namespaces", "A", false, "every namespace")
	f.StringVarP(&g.selector, "selector", "l", "", "labels, such as team=web,tier!=test")
	f.BoolVarP(&g.watch, "watch", "w", false, "go on and show every change")
	f.DurationVar(&g.timeout, "timeout", 0, "give up after this long and exit with 7 (default never)")
	f.BoolVarP(&g.yes, "yes", "y", false, "do not ask")

	f.StringSliceVar(&g.endpoints, "endpoints", nil, "etcd's URLs (default http://127.0.0.1:2379)")
	f.StringVar(&g.cacert, "cacert", "", "certificate authority of etcd, PEM")
	f.StringVar(&g.cert, "cert", "", "certificate to show to etcd, PEM")
	f.StringVar(&g.key, "key", "", "key of the certificate, PEM")
	f.StringVar(&g.user, "user", "", "user of etcd, where no certificate logs in")
	f.StringVar(&g.passwordFile, "password-file", "", "file with the user's password")
	f.StringVar(&g.prefix, "prefix", "", "where in etcd the cluster is (default \"/nsched/\")")
	f.BoolVar(&g.allowInsecure, "allow-insecure", false, "permit plaintext to other machines")

	f.StringVar(&g.logLevel, "log-level", "info", "of the daemons: trace, debug, info, warn or error")
	f.StringVar(&g.logFormat, "log-format", "auto", "of the daemons: auto, json or console")
}

// environment names the flags that a variable can set: NSCHED_<NAME>, or else ETCDCTL_<NAME>. The
// configuration of the daemons has variables of its own.
var environment = []struct {
	flag    string
	etcdctl bool
}{
	{"endpoints", true},
	{"cacert", true},
	{"cert", true},
	{"key", true},
	{"user", true},
	{"password-file", false},
	{"prefix", false},
	{"allow-insecure", false},
	{"namespace", false},
	{"output", false},
}

// useAnnotation on a command lists the flags that mean something to it and not to every verb.
const useAnnotation = "uses"

// selective are the flags that a verb must name in useAnnotation; the others mean something to all.
var selective = []string{"namespace", "all-namespaces", "selector", "watch", "yes"}

// uses says which of the selective flags the command knows. The others are refused: a flag that does
// nothing would be a lie.
func uses(c *cobra.Command, flags ...string) *cobra.Command {
	c.Annotations = map[string]string{useAnnotation: strings.Join(flags, " ")}
	return c
}

// begin runs before every verb.
func (s *session) begin(c *cobra.Command, _ []string) error {
	known := strings.Fields(c.Annotations[useAnnotation])
	for _, name := range selective {
		if c.Flags().Changed(name) && !slices.Contains(known, name) {
			return usage("--%s means nothing to %s", name, c.CommandPath())
		}
	}
	for _, e := range environment {
		if err := fromEnvironment(c.Flags(), e.flag, e.etcdctl); err != nil {
			return err
		}
	}
	if !slices.Contains(formats, s.flags.output) {
		return usage("output %q is none of %s", s.flags.output, strings.Join(formats, ", "))
	}
	if s.flags.timeout < 0 {
		return usage("--timeout %s is negative", s.flags.timeout)
	}
	if s.flags.timeout > 0 {
		ctx, cancel := context.WithTimeoutCause(c.Context(), s.flags.timeout, errTimeout)
		s.onEnd(cancel)
		c.SetContext(ctx)
	}
	return nil
}

func fromEnvironment(flags *pflag.FlagSet, name string, etcdctl bool) error {
	f := flags.Lookup(name)
	if f == nil || f.Changed {
		return nil
	}
	variable := strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	for _, full := range []string{"NSCHED_" + variable, "ETCDCTL_" + variable} {
		text, set := os.LookupEnv(full)
		if !set || text == "" || (full[0] == 'E' && !etcdctl) {
			continue
		}
		if err := f.Value.Set(text); err != nil {
			return usage("%s: %w", full, err)
		}
		return nil
	}
	return nil
}

// arguments turns a wrong number of arguments into a usage error that shows how to write it.
func arguments(low, high int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < low:
			return usage("an argument is missing; write: %s", c.UseLine())
		case high >= 0 && len(args) > high:
			return usage("%q is one argument too many; write: %s", args[high], c.UseLine())
		}
		return nil
	}
}

// parent is a command that only holds others.
func parent(c *cobra.Command, children ...*cobra.Command) *cobra.Command {
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usage("there is no verb %q in %s; see %s --help", args[0], c.CommandPath(), c.CommandPath())
		}
		return c.Help()
	}
	c.AddCommand(children...)
	return c
}

// yesNo asks on stderr, unless --yes was given, and waits no longer than ctx. Without a terminal to ask at it is
// a usage error.
func (s *session) yesNo(ctx context.Context, question string) error {
	if s.flags.yes {
		return nil
	}
	if !terminal(s.errs) {
		return usage("%s Nobody is there to ask; give --yes", question)
	}
	_, _ = fmt.Fprintf(s.errs, "%s [y/N] ", question)
	answers := make(chan string, 1)
	go func() { // a read from a terminal ends with the program: nothing else ends it
		var answer string
		_, _ = fmt.Fscanln(s.in, &answer)
		answers <- answer
	}()
	select {
	case <-ctx.Done():
		_, _ = fmt.Fprintln(s.errs)
		return fmt.Errorf("wait for an answer: %w", ctx.Err())
	case answer := <-answers:
		if a := strings.ToLower(answer); a == "y" || a == "yes" {
			return nil
		}
	}
	return exit(exitFailed, "nothing was done")
}
