package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// name is under which the example is found.
const name = "hello.demo." + cluster.Zone

var (
	errNoUnit   = errors.New("the app has no unit")
	errNobody   = errors.New("nobody leads")
	errNotYet   = errors.New("it is not so")
	errOther    = errors.New("another process answers")
	errNoAnswer = errors.New("nobody answers")
)

// unit is what "nsched units -o json" says of one.
type unit struct {
	Unit, Node, Health string
	PID                int
	Addresses          []string
	Ports              map[string]uint16
}

// url is where the unit answers.
func (u unit) url() string { return fmt.Sprintf("http://%s:%d/", u.Addresses[0], u.Ports["http"]) }

// units lists those of the example that are healthy and can be reached.
func (d *show) units(ctx context.Context) ([]unit, error) {
	out, err := d.quiet(ctx, "nsched", "units", "hello", "-o", "json")
	if err != nil {
		return nil, err
	}
	var all []unit
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		return nil, fmt.Errorf("read what nsched units says: %w", err)
	}
	return slices.DeleteFunc(all, func(u unit) bool { return u.Health != "passing" || len(u.Addresses) == 0 }), nil
}

// healthy waits until so many units can be reached, none of them on the node that is away.
func (d *show) healthy(ctx context.Context, want int, away string) error {
	return until(ctx, fmt.Sprintf("%d units are healthy", want), func() error {
		units, err := d.units(ctx)
		if err != nil {
			return err
		}
		units = slices.DeleteFunc(units, func(u unit) bool { return u.Node == away })
		if len(units) != want {
			return fmt.Errorf("%w: %d are", errNotYet, len(units))
		}
		for _, u := range units {
			if _, err := d.quiet(ctx, "curl", "-sS", "--max-time", "2", u.url()); err != nil {
				return err
			}
		}
		return nil
	})
}

// settled waits until the summary that people read, which is written once a second, says that so many
// units are ready, none of them on the node that is away. Stopped is nought of nought.
func (d *show) settled(ctx context.Context, want int, away string) error {
	return until(ctx, "nsched status has followed", func() error {
		out, err := d.quiet(ctx, "nsched", "status", "hello", "-o", "json")
		if err != nil {
			return err
		}
		var s struct {
			State string
			Ready int
			Slots []struct{ Node string }
		}
		if err := json.Unmarshal([]byte(out), &s); err != nil {
			return fmt.Errorf("read what nsched status says: %w", err)
		}
		for _, slot := range s.Slots {
			if slot.Node == away && away != "" {
				return fmt.Errorf("%w: it still shows %s", errNotYet, away)
			}
		}
		if s.Ready != want || want == 0 && s.State != "stopped" {
			return fmt.Errorf("%w: %d are ready, the app is %s", errNotYet, s.Ready, s.State)
		}
		return nil
	})
}

// leader finds who leads: the oldest key of the election, and its term.
func (d *show) leader(ctx context.Context) (string, int64, error) {
	prefix := d.c.Keys.Under(registry.KindLeader)
	r, err := d.c.Registry.Range(ctx, registry.Range{Key: prefix, End: registry.PrefixEnd(prefix)})
	if err != nil {
		return "", 0, err
	}
	if len(r.KVs) == 0 {
		return "", 0, errNobody
	}
	first := slices.MinFunc(r.KVs, func(a, b registry.KeyValue) int { return int(a.CreateRevision - b.CreateRevision) })
	l, _, err := registry.Decode[units.Leader](first.Key, first.Value)
	return l.Name, first.CreateRevision, err
}

// resolve asks DNS for the addresses of the example.
func (d *show) resolve(ctx context.Context) ([]string, error) {
	out, err := d.quiet(ctx, "dig", "+short", "+timeout=2", "A", name)
	return strings.Fields(out), err
}
