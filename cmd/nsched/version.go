package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/units"
)

// versionView is `nsched version -o json`.
type versionView struct {
	Version   string `json:"version"`
	Go        string `json:"go"`
	Platform  string `json:"platform"`
	AppSchema int    `json:"appSchema"`
}

func (s *session) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which nsched this is",
		Long: "Say which nsched this is.\n\n" +
			"JSON: {version, go, platform, appSchema}; appSchema is the newest app document it understands.",
		Args: arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			v := versionView{version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, units.AppSchema}
			t := table{columns: []string{"VERSION", "GO", "PLATFORM", "APP SCHEMA"}}
			t.add(v.Version, v.Go, v.Platform, fmt.Sprint(v.AppSchema))
			return s.print(v, t)
		},
	}
}
