package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// planView is what the leader answers, and one file of `nsched plan -o json`.
type planView struct {
	App        string           `json:"app"`
	Revision   int64            `json:"revision"`
	Generation units.Generation `json:"generation"`
	Count      int              `json:"count"`
	Unchanged  bool             `json:"unchanged"`
	Changes    []units.Change   `json:"changes"`
	Place      []planUnit       `json:"place"`
	Stop       []planUnit       `json:"stop"`
	Unplaced   []planGap        `json:"unplaced"`
}

type planUnit struct {
	Unit   string         `json:"unit"`
	Node   units.NodeName `json:"node"`
	Reason units.Reason   `json:"reason,omitzero"`
}

type planGap struct {
	Slot   units.Slot   `json:"slot,omitempty"`
	Reason units.Reason `json:"reason"`
}

func (s *session) planCommand() *cobra.Command {
	var detailed bool
	c := &cobra.Command{
		Use:   "plan FILE…",
		Short: "Say what submitting would do, and do nothing",
		Long: "Say what submitting would do, and do nothing. It asks the leading scheduler.\n\n" +
			"With --detailed-exitcode: 0 nothing to do, 10 changes.\n\n" +
			"JSON: a list of {app, revision, generation, count, unchanged, changes: [{path, old, new}], place: [{unit,\n" +
			"node, reason}], stop: [{unit, node, reason}], unplaced: [{slot, reason}]}. old and new are JSON texts.",
		Args: arguments(1, -1),
		RunE: func(c *cobra.Command, files []string) error {
			docs, err := s.readDocuments(files)
			if err != nil {
				return err
			}
			cluster, err := s.connect()
			if err != nil {
				return err
			}
			api, err := s.api()
			if err != nil {
				return err
			}
			base, err := cluster.leader(c.Context())
			if err != nil {
				return err
			}
			views, changes := []planView{}, false
			for _, d := range docs {
				v, err := api.plan(c.Context(), base, d)
				if err != nil {
					return err
				}
				changes = changes || !v.Unchanged || len(v.Place)+len(v.Stop) > 0
				views = append(views, v)
				if !s.structured() {
					_, _ = fmt.Fprint(s.out, v.text())
				}
			}
			if s.structured() {
				if err := s.print(views, table{}); err != nil {
					return err
				}
			}
			if detailed && changes {
				return &exitError{code: exitChanges}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit with 10 when there is something to do")
	return uses(c, "namespace")
}

// leader returns the base URL of the leader's API. Of all candidates the one whose key is oldest leads.
func (c cluster) leader(ctx context.Context) (string, error) {
	snapshot, err := c.read(ctx, scope{prefixes: []string{c.keys.Under(registry.KindLeader)}})
	if err != nil {
		return "", err
	}
	var oldest int64
	var leader units.Leader
	for item := range snapshot.Items(c.keys.Under(registry.KindLeader)) {
		if l, ok := item.Decoded.(units.Leader); ok && (oldest == 0 || item.Raw.CreateRevision < oldest) {
			oldest, leader = item.Raw.CreateRevision, l
		}
	}
	switch {
	case oldest == 0:
		return "", exit(exitUnreachable, "no scheduler leads; start one: nsched scheduler")
	case leader.API == "":
		return "", exit(exitFailed, "the leader, %s, has no API", leader.Name)
	}
	return strings.TrimSuffix(leader.API, "/"), nil
}

// plan asks the leader about one document.
func (a api) plan(ctx context.Context, base string, d document) (planView, error) {
	rsp, err := a.request(ctx, http.MethodPost, base+"/v1/plan", bytes.NewReader(d.raw))
	if err != nil {
		if ctx.Err() != nil {
			return planView{}, ctx.Err()
		}
		return planView{}, exit(exitUnreachable, "ask the leader: %w", err)
	}
	defer func() { _ = rsp.Body.Close() }()
	switch {
	case rsp.StatusCode == http.StatusOK:
	case rsp.StatusCode == http.StatusServiceUnavailable, rsp.StatusCode == http.StatusMisdirectedRequest:
		return planView{}, exit(exitUnreachable, "ask the leader at %s: %s", base, said(rsp.Body))
	case rsp.StatusCode == http.StatusBadRequest || rsp.StatusCode == http.StatusUnprocessableEntity:
		return planView{}, inFile(d.file, exitUsage, said(rsp.Body))
	default:
		return planView{}, exit(exitFailed, "ask the leader at %s: %s: %s", base, rsp.Status, said(rsp.Body))
	}
	v := planView{Changes: []units.Change{}, Place: []planUnit{}, Stop: []planUnit{}, Unplaced: []planGap{}}
	if err := json.NewDecoder(rsp.Body).Decode(&v); err != nil {
		return planView{}, exit(exitFailed, "ask the leader at %s: its answer cannot be read: %w", base, err)
	}
	v.App = d.app.ID().String()
	return v, nil
}

// text is the plan for people.
func (v planView) text() string {
	var b strings.Builder
	say := func(format string, args ...any) {
		b.WriteString(plainLine(fmt.Sprintf(format, args...)))
		b.WriteByte('\n')
	}
	if v.Unchanged {
		say("%s: unchanged, generation %d", v.App, v.Generation)
	} else {
		say("%s: generation %d, count %d", v.App, v.Generation, v.Count)
	}
	changes := v.Changes
	if v.Generation == 1 && !v.Unchanged && len(v.Changes) > 0 {
		say("  it is new")
		changes = nil // all of it is
	}
	for _, c := range changes {
		switch {
		case c.Old == "":
			say("  + %s: %s", c.Path, c.New)
		case c.New == "":
			say("  - %s: %s", c.Path, c.Old)
		default:
			say("  ~ %s: %s -> %s", c.Path, c.Old, c.New)
		}
	}
	for _, u := range v.Place {
		say("  place %s on %s", u.Unit, u.Node)
	}
	for _, u := range v.Stop {
		say("  stop  %s on %s: %s", u.Unit, u.Node, u.Reason)
	}
	for _, g := range v.Unplaced {
		say("  no room for slot %s: %s", g.Slot, g.Reason)
	}
	return b.String()
}
