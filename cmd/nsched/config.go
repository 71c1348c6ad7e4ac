package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

func (s *session) configCommand() *cobra.Command {
	return parent(&cobra.Command{
		Use:   "config",
		Short: "Show and check the configuration of this machine's daemons",
		Long: "Show and check the configuration of this machine's daemons: " + configDir + "/node.json and\n" +
			configDir + "/scheduler.json, or .yaml or .toml. A flag goes before the variable\n" +
			"NSCHED_<SECTION>_<KEY>, that before the file, and the file before the default.",
	}, s.configCheckCommand(), s.configShowCommand(), s.configKeysCommand())
}

func kindNamed(name string) (configKind, error) {
	for _, k := range configKinds() {
		if k.name == name {
			return k, nil
		}
	}
	return configKind{}, usage("there is no configuration of %q; there are node and scheduler", name)
}

func (s *session) configCheckCommand() *cobra.Command {
	var as string
	c := &cobra.Command{
		Use:   "check FILE…",
		Short: "Check configuration files and do nothing else",
		Long: "Check configuration files: syntax, keys and values, all problems at once. Variables and this machine\n" +
			"have no say in it. A file's kind follows from its name, node.* or scheduler.*.",
		Args: arguments(1, -1),
		RunE: func(_ *cobra.Command, args []string) error {
			var problems lines
			for _, file := range args {
				found, err := checkConfig(file, as)
				if err != nil {
					return err
				}
				problems = append(problems, found...)
			}
			if len(problems) > 0 {
				return &exitError{exitUsage, problems}
			}
			return nil
		},
	}
	c.Flags().StringVar(&as, "as", "", "the files are of this kind: node or scheduler")
	return c
}

func checkConfig(file, as string) ([]string, error) {
	name := as
	if name == "" {
		name, _, _ = strings.Cut(filepath.Base(file), ".")
	}
	kind, err := kindNamed(name)
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("check the configuration: %w", err)
	}
	tree, err := parseConfig(file, content)
	if err != nil {
		return []string{file + ": " + err.Error()}, nil
	}
	values, problems := kind.flatten(tree)
	if len(problems) == 0 && kind.rules != nil {
		c := config{kind: kind, file: file, values: values}
		for _, k := range kind.keys {
			if _, ok := values[k.name]; !ok {
				values[k.name] = k.zero()
			}
		}
		if values["node.name"] == "" {
			values["node.name"] = "any" // the machine that uses the file has a name
		}
		problems = kind.rules(c)
	}
	for i := range problems {
		problems[i] = file + ": " + problems[i]
	}
	return problems, nil
}

// configView is one key of `nsched config show -o json`.
type configView struct {
	Key    string `json:"key"`
	Value  any    `json:"value"`
	Origin string `json:"origin"`
}

func (s *session) configShowCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "show [node|scheduler]",
		Short: "Show every key, its value and where the value comes from",
		Long: "Show every key, its value and where the value comes from: a flag, a variable, the file or the default.\n\n" +
			"JSON: a list of {key, value, origin}; value is a string, a list of strings or a boolean.",
		ValidArgs: []string{"node", "scheduler"},
		Args:      arguments(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			name := "node"
			if len(args) > 0 {
				name = args[0]
			}
			kind, err := kindNamed(name)
			if err != nil {
				return err
			}
			loaded, err := kind.load(file, c.Flags())
			if err != nil {
				return err
			}
			t := table{columns: []string{"KEY", "VALUE", "ORIGIN"}}
			views := []configView{}
			for _, k := range kind.keys {
				v := configView{k.name, loaded.values[k.name], loaded.origins[k.name]}
				views = append(views, v)
				t.add(v.Key, valueText(v.Value), v.Origin)
			}
			return s.print(views, t)
		},
	}
	c.Flags().StringVar(&file, "config", "", "file to read (default "+configDir+"/node.json or scheduler.json)")
	return c
}

// keyView is one key of `nsched config keys -o json`.
type keyView struct {
	Key      string `json:"key"`
	Type     string `json:"type"`
	Default  string `json:"default"`
	Variable string `json:"variable"`
	Flag     string `json:"flag,omitempty"`
	Doc      string `json:"doc"`
}

func (s *session) configKeysCommand() *cobra.Command {
	return &cobra.Command{
		Use:       "keys [node|scheduler]",
		Short:     "Document every key of a configuration file",
		Long:      "Document every key of a configuration file.\n\nJSON: a list of {key, type, default, variable, flag, doc}.",
		ValidArgs: []string{"node", "scheduler"},
		Args:      arguments(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			name := "node"
			if len(args) > 0 {
				name = args[0]
			}
			kind, err := kindNamed(name)
			if err != nil {
				return err
			}
			t := table{columns: []string{"KEY", "TYPE", "DEFAULT", "+VARIABLE", "MEANING"}}
			views := []keyView{}
			for _, k := range kind.keys {
				v := keyView{k.name, k.kind.String(), k.defaultText(), k.variable(), k.flag, k.doc}
				views = append(views, v)
				t.add(v.Key, v.Type, v.Default, v.Variable, v.Doc)
			}
			return s.print(views, t)
		},
	}
}
