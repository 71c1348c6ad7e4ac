package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func (s *session) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:       "completion bash|zsh|fish",
		Short:     "Print completions for a shell",
		Long:      "Print completions for a shell. For bash: source <(nsched completion bash)",
		ValidArgs: []string{"bash", "zsh", "fish"},
		Args:      arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			root := c.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(s.out, true)
			case "zsh":
				return root.GenZshCompletion(s.out)
			case "fish":
				return root.GenFishCompletion(s.out, true)
			}
			return usage("no completions for %q; there are bash, zsh and fish", args[0])
		},
	}
}

// manCommand writes the manual pages, one per command, from the commands themselves.
func (s *session) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write manual pages into a directory",
		Hidden: true,
		Args:   arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			root := c.Root()
			root.DisableAutoGenTag = true
			// The date is SOURCE_DATE_EPOCH's where that is set: two builds of one version are the same bytes.
			return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "nsched", Manual: "nsched"}, args[0])
		},
	}
}
