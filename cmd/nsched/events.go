package main

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// eventView is one event of `nsched events -o json`.
type eventView struct {
	Writer string `json:"writer"`
	units.Event
}

func (s *session) eventsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "events [APP|UNIT]",
		Short: "Show what has happened lately",
		Long: "Show what has happened lately, the oldest first, in the cluster's time.\n\n" +
			"JSON: a list of {writer, timeMs, type, app, unit, node, reason: {code, message}}.",
		Args: arguments(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			ns, err := s.namespace()
			if err != nil {
				return err
			}
			var only *subject
			if len(args) == 1 {
				t, err := s.subjectNamed(args[0])
				if err != nil {
					return err
				}
				only = &t
			}
			cluster, err := s.connect()
			if err != nil {
				return err
			}
			w := scope{prefixes: []string{cluster.keys.Under(registry.KindEvent)}}
			return s.show(c.Context(), cluster, w, func(snapshot *registry.Snapshot) error {
				views := []eventView{}
				t := table{columns: []string{"TIME", "TYPE", "ABOUT", "NODE", "+WRITER", "REASON"}}
				for _, e := range events(snapshot, cluster.keys) {
					if !e.concerns(only, ns, s.flags.all) {
						continue
					}
					views = append(views, e)
					t.add(time.UnixMilli(e.TimeMs).UTC().Format(time.DateTime), e.Type, e.about(), string(e.Node), e.Writer, e.Reason.String())
				}
				return s.print(views, t)
			})
		},
	}
	return uses(c, "namespace", "all-namespaces", "watch")
}

func events(snapshot *registry.Snapshot, keys registry.Keys) []eventView {
	var list []eventView
	for key, e := range registry.All[units.Event](snapshot, keys.Under(registry.KindEvent)) {
		list = append(list, eventView{key.Writer, e})
	}
	slices.SortStableFunc(list, func(a, b eventView) int {
		switch {
		case a.TimeMs < b.TimeMs:
			return -1
		case a.TimeMs > b.TimeMs:
			return 1
		}
		return 0
	})
	return list
}

// app returns the app that the event is about, and whether it is about one.
func (e eventView) app() (units.AppID, bool) {
	if u, err := units.ParseUnitID(e.Unit); err == nil {
		return u.AppID(), true
	}
	id, err := units.ParseAppID(e.App, "")
	return id, err == nil && strings.Contains(e.App, "/")
}

// concerns reports whether the event is to be shown. What is about no app concerns everybody.
func (e eventView) concerns(only *subject, ns units.Namespace, all bool) bool {
	id, ofApp := e.app()
	if only == nil {
		return all || !ofApp || id.Namespace == ns
	}
	if u, err := units.ParseUnitID(e.Unit); err == nil {
		return only.has(u)
	}
	return ofApp && id == only.app
}

func (e eventView) about() string {
	if u, err := units.ParseUnitID(e.Unit); err == nil {
		return unitName(u)
	}
	return e.App
}
