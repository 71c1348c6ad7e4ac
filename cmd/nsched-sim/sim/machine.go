package sim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nsched/nsched/node"
	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// simStore is a machine's Nix store: what was fetched stays, what is not rooted may be collected.
type simStore struct{ n *NodeHost }

var errMachine = errors.New("the machine failed the call")

// Realise implements node.Store.
func (s simStore) Realise(ctx context.Context, r node.Realisation) error {
	n := s.n
	takes := func(d time.Duration) {
		if c, ok := ctx.Value(callKey{}).(*call); ok {
			c.took = d
		}
	}
	if !n.store[r.Path] {
		takes(n.uniform(0, fetchTakes))
	}
	switch {
	case n.nixHangs:
		takes(nixPatience)
		n.nixDue = append(n.nixDue, func() { _ = s.realise(r) })
		return errMachine
	case n.chance(n.w.MachineFaults + n.nixFails):
		return errMachine
	}
	return s.realise(r)
}

// fetchTakes is the most that it takes to fetch what is not there.
const fetchTakes = 3 * time.Second

// nixPatience is how long the adapter waits for a Nix that says nothing.
const nixPatience = 30 * time.Second

func (s simStore) realise(r node.Realisation) error {
	n := s.n
	if !n.store[r.Path] {
		if r.Offline || n.w.cacheAway {
			return errMachine
		}
		if n.Fetch != nil {
			if err := n.Fetch(r.Path); err != nil {
				return err
			}
		}
		n.store[r.Path] = true
	}
	if r.Root != "" {
		n.roots[r.Root] = r.Path
	}
	return nil
}

// unhang lets everything through that hangs in Nix.
func (n *NodeHost) unhang() {
	n.nixHangs = false
	due := n.nixDue
	n.nixDue = nil
	for _, do := range due {
		do()
	}
}

// Roots implements node.Store.
func (s simStore) Roots(context.Context) ([]string, error) {
	return slices.Sorted(maps.Keys(s.n.roots)), nil
}

// RemoveRoot implements node.Store. The collector runs at once, as it may.
func (s simStore) RemoveRoot(_ context.Context, name string) error {
	delete(s.n.roots, name)
	if s.n.OnUnroot != nil {
		s.n.OnUnroot()
	}
	held := map[units.StorePath]bool{}
	for _, path := range s.n.roots { // order-free: it fills a set
		held[path] = true
	}
	maps.DeleteFunc(s.n.store, func(path units.StorePath, _ bool) bool { return !held[path] })
	return nil
}

// simRecords is a machine's disk.
type simRecords struct{ n *NodeHost }

// Load implements node.Records.
func (s simRecords) Load() ([]node.Record, []error) {
	records := make([]node.Record, 0, len(s.n.disk))
	for _, id := range slices.SortedFunc(maps.Keys(s.n.disk), units.UnitID.Compare) {
		records = append(records, s.n.disk[id])
	}
	return records, nil
}

// Save implements node.Records.
func (s simRecords) Save(r node.Record) error {
	if s.n.diskFull {
		return errMachine
	}
	s.n.disk[r.ID] = r
	return nil
}

// Remove implements node.Records.
func (s simRecords) Remove(id units.UnitID) error {
	delete(s.n.disk, id)
	return nil
}

// simContact is the file with the time of the last contact.
type simContact struct{ n *NodeHost }

// Load implements node.Contact.
func (s simContact) Load() (time.Time, error) { return s.n.contact, nil }

// Save implements node.Contact.
func (s simContact) Save(t time.Time) error {
	s.n.contact = t
	return nil
}

// simSeen is the file with what was seen of the cluster.
type simSeen struct{ kept registry.Seen }

// Load implements registry.SeenStore.
func (s *simSeen) Load() (registry.Seen, error) { return s.kept, nil }

// Save implements registry.SeenStore.
func (s *simSeen) Save(seen registry.Seen) error {
	s.kept = seen
	return nil
}

// simFiles holds records and shims. systemd reads a record again when it restarts the unit in place.
type simFiles struct{ n *NodeHost }

// Put implements node.UnitFiles.
func (f simFiles) Put(id units.UnitID, r systemd.Record) (record, shim string, err error) {
	if f.n.diskFull {
		return "", "", errMachine
	}
	f.n.files[id] = true
	if f.n.tenures != nil {
		f.n.tenures[id] = r.Tenure
	}
	return "/var/lib/nsched/records/" + id.String() + ".json", "/var/lib/nsched/exec/sim/nsched-exec", nil
}

// Remove implements node.UnitFiles.
func (f simFiles) Remove(id units.UnitID) error {
	delete(f.n.files, id)
	delete(f.n.tenures, id)
	return nil
}

// Sweep implements node.UnitFiles. It ends the run when a unit that runs would lose its record or shim.
func (f simFiles) Sweep(keep []units.UnitID, shims []string) error {
	for _, id := range f.n.Running() {
		if !slices.Contains(keep, id) || len(shims) == 0 {
			f.n.w.fail(fmt.Errorf("%s sweeps the files of %s, which runs", f.n.Name, id))
		}
	}
	maps.DeleteFunc(f.n.files, func(id units.UnitID, _ bool) bool { return !slices.Contains(keep, id) })
	return nil
}

// simServices is systemd as the daemon asks it, with somebody who listens.
type simServices struct {
	node.Systemd
	n *NodeHost
}

// Start implements node.Services.
func (s simServices) Start(ctx context.Context, service node.Service) error {
	if s.n.OnStart != nil {
		s.n.OnStart(service.ID, sentAt(ctx), fenceToken(service.Env))
	}
	return s.Systemd.Start(ctx, service)
}

// fenceToken is what the unit's environment says.
func fenceToken(env []string) int64 {
	for _, variable := range env {
		if text, ok := strings.CutPrefix(variable, "NSCHED_FENCE_TOKEN="); ok {
			if token, err := strconv.ParseInt(text, 10, 64); err == nil {
				return token
			}
		}
	}
	return 0
}

// Stop implements node.Services.
func (s simServices) Stop(ctx context.Context, id units.UnitID) error {
	if s.n.OnStop != nil {
		s.n.OnStop(id)
	}
	return s.Systemd.Stop(ctx, id)
}

// simPorts is a machine on which nothing else listens.
type simPorts struct{}

// Busy implements node.Ports.
func (simPorts) Busy(context.Context, []node.ListenPort) (uint16, error) { return 0, nil }

// simProber answers health checks.
type simProber struct{ n *NodeHost }

// HTTP implements node.Prober. Which unit is asked is in the address: see document.
func (p simProber) HTTP(_ context.Context, probe node.HTTPProbe) error {
	_, unit, _ := strings.Cut(probe.URL, "?unit=")
	return p.n.check(unit)
}

// TCP implements node.Prober.
func (p simProber) TCP(context.Context, string) error { return p.n.check("") }

var errSick = errors.New("the check did not pass")

func (n *NodeHost) check(unit string) error {
	if n.Check != nil {
		return n.Check()
	}
	if len(n.sick) > 0 && n.sick[units.AppID{}] {
		return errSick
	}
	id, err := units.ParseUnitID(unit)
	if err == nil && (!slices.Contains(n.Live(), id) || n.sick[id.AppID()] || n.w.flawOf(id).sick) {
		return errSick
	}
	return nil
}

// simMachine is what a guard and a reaper reach of the machine. A reaper asks PID 1 for nothing.
type simMachine struct{ n *NodeHost }

// Bound implements guard.Machine.
func (m simMachine) Bound(context.Context) ([]units.Bound, error) { return m.n.Systemd.Bounds().List() }

// Stop implements guard.Machine.
func (m simMachine) Stop(ctx context.Context, id units.UnitID) error {
	m.n.enforces(id)
	if err := m.n.Systemd.Stop(ctx, id); !errors.Is(err, systemd.ErrNotFound) {
		return err
	}
	return nil
}

// Kill implements guard.Machine.
func (m simMachine) Kill(ctx context.Context, id units.UnitID) error {
	m.n.enforces(id)
	return m.n.Systemd.Bounds().Kill(ctx, id)
}

// Empty implements guard.Machine.
func (m simMachine) Empty(ctx context.Context, id units.UnitID) (bool, error) {
	return m.n.Systemd.Bounds().Empty(ctx, id)
}

func (n *NodeHost) enforces(id units.UnitID) {
	if n.OnEnforce != nil {
		n.OnEnforce(id)
	}
}
