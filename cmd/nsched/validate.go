package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/units"
)

// validView is one file of `nsched validate -o json`.
type validView struct {
	File      string          `json:"file"`
	Namespace units.Namespace `json:"namespace"`
	Name      units.AppName   `json:"name"`
	App       units.App       `json:"app"`
}

func (s *session) validateCommand() *cobra.Command {
	return uses(&cobra.Command{
		Use:   "validate FILE…",
		Short: "Check app files without a cluster",
		Long: "Check app files without a cluster; - is standard input. Every problem of every file is told, one a line,\n" +
			"and the exit code is then 2. Whether a cache has the path and a node has room is known to submit alone.\n\n" +
			"JSON: a list of {file, namespace, name, app}, app being the document with every default filled in.",
		Args: arguments(1, -1),
		RunE: func(_ *cobra.Command, files []string) error {
			docs, err := s.readDocuments(files)
			if err != nil {
				return err
			}
			views := []validView{}
			for _, d := range docs {
				views = append(views, validView{d.file, d.app.Namespace, d.app.Name, d.app})
			}
			if s.structured() {
				return s.print(views, table{})
			}
			for _, v := range views {
				_, _ = fmt.Fprintf(s.out, "%s: %s/%s is valid\n", v.File, v.Namespace, v.Name)
			}
			return nil
		},
	}, "namespace")
}

func (s *session) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of app.json",
		Args:  arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			_, err := s.out.Write(units.Schema())
			return err
		},
	}
}
