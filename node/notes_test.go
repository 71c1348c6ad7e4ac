package node

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nsched/nsched/node/converge"
	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
)

var errNotLooked = errors.New("read cgroup.procs: input/output error")

// blindBounds cannot tell whether a unit has processes.
type blindBounds struct {
	Bounds
	err error
}

func (b blindBounds) Empty(ctx context.Context, id units.UnitID) (bool, error) {
	if b.err != nil {
		return true, b.err // what comes with an error says nothing
	}
	return b.Bounds.Empty(ctx, id)
}

// removals notes whose files were removed.
type removals struct{ gone []units.UnitID }

func (*removals) Put(id units.UnitID, _ systemd.Record) (record, shim string, err error) {
	return "/var/lib/nsched/records/" + id.String() + ".json", "/var/lib/nsched/exec/0/nsched-exec", nil
}
func (r *removals) Remove(id units.UnitID) error       { r.gone = append(r.gone, id); return nil }
func (*removals) Sweep([]units.UnitID, []string) error { return nil }

// noting is a Systemd with one bound unit that was started.
func noting(t *testing.T) (*machine, Systemd, *removals, units.UnitID) {
	t.Helper()
	m := newMachine(t)
	id := m.assign("one", singletonApp, units.DesiredRun)
	m.wantStatus(id, units.StateRunning, "")
	files := &removals{}
	return m, Systemd{Manager: m.systemd, Files: files, Bounds: sticky{m, m.systemd.Bounds()}, GuardUnit: "g.service"}, files, id
}

func (m *machine) wantNoted(id units.UnitID, want bool) {
	m.t.Helper()
	list, err := m.systemd.Bounds().List()
	if err != nil {
		m.t.Fatal(err)
	}
	for _, b := range list {
		if b.Unit == id {
			if !want {
				m.t.Errorf("%s is still noted", id)
			}
			return
		}
	}
	if want {
		m.t.Errorf("%s is not noted any more", id)
	}
}

// The guard and the reaper find what they have to end by the notes alone. systemd gives a unit up whose
// processes do not die; who forgets it then hides them.
func TestTheNoteOfAUnitStaysWhileAProcessOfItIsThere(t *testing.T) {
	m, s, files, id := noting(t)
	m.stuck[id] = true
	for what, forget := range map[string]func() error{
		"reset": func() error { return s.Reset(t.Context(), id) },
		"tidy":  func() error { return s.Tidy(t.Context(), nil, nil) },
	} {
		if err := forget(); !errors.Is(err, errLingers) {
			t.Errorf("%s says %v", what, err)
		}
	}
	m.wantNoted(id, true)
	if len(files.gone) > 0 {
		t.Errorf("the files are gone of %v", files.gone)
	}
	m.stuck[id] = false
	m.Advance(time.Minute)
	if err := s.Reset(t.Context(), id); err != nil {
		t.Error(err)
	}
	m.wantNoted(id, false)
	if len(files.gone) != 1 {
		t.Errorf("the files are gone of %v", files.gone)
	}
	if err := s.Reset(t.Context(), id); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestWhatCannotBeLookedAtCountsAsRunning(t *testing.T) {
	m, s, _, id := noting(t)
	if err := s.Stop(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	m.Advance(time.Minute)
	phase := func() converge.Phase {
		t.Helper()
		list, err := s.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range list {
			if o.ID == id {
				return o.Phase
			}
		}
		return converge.Absent
	}
	m.systemd.Advance(m.Now)
	if p := phase(); p != converge.Absent && p != converge.Ended {
		t.Fatalf("it is in phase %v after its stop", p)
	}
	s.Bounds = blindBounds{s.Bounds, errNotLooked}
	if p := phase(); p != converge.Stopping {
		t.Errorf("it is told in phase %v", p)
	}
	if err := s.Tidy(t.Context(), nil, nil); !errors.Is(err, errNotLooked) {
		t.Errorf("tidying says %v", err)
	}
	m.wantNoted(id, true)
}

func TestAUnitThatIsLoadedIsNotStartedAgain(t *testing.T) {
	m, s, _, id := noting(t)
	before := m.status(id).Invocation
	u := m.d.units[id]
	bound := &units.Bound{Unit: id, Tenure: m.place.Tenure, StopTimeout: 10 * time.Second}
	if err := s.Start(t.Context(), Service{ID: id, App: *u.app, Root: testPath, Argv: []string{"/x"}, Bound: bound}); err != nil {
		t.Errorf("says %v", err)
	}
	m.wantStatus(id, units.StateRunning, "")
	if after := m.status(id).Invocation; after != before {
		t.Errorf("invocation %s became %s", before, after)
	}
}

// systemd shows a unit as failed whose main process is gone, whatever it left behind.
func TestAUnitThatFailedHasNotEndedWhileAProcessOfItIsThere(t *testing.T) {
	m, s, _, id := noting(t)
	m.systemd.Die(id, systemd.Program{ExitCode: 1})
	m.systemd.Advance(m.Now)
	for stuck, want := range map[bool]converge.Phase{true: converge.Stopping, false: converge.Ended} {
		m.stuck[id] = stuck
		list, err := s.List(t.Context())
		if err != nil || len(list) != 1 || list[0].ID != id || list[0].Phase != want {
			t.Errorf("a process of it is left: %v; it is told as %+v, %v", stuck, list, err)
		}
	}
}

// A daemon that died between a note and the start that it was for leaves one that belongs to nothing.
func TestANoteThatBelongsToNoUnitGoesAndTheOthersStay(t *testing.T) {
	m, s, _, id := noting(t)
	left := id
	left.App = "left"
	m.systemd.SetUnit("gone.service", false)
	s.GuardUnit = "gone.service"
	app := *m.d.units[id].app
	if err := s.Start(t.Context(), Service{ID: left, App: app, Root: testPath, Argv: []string{"/x"}, Bound: &units.Bound{Unit: left, Tenure: 7, StopTimeout: time.Second}}); err != nil {
		t.Fatal(err)
	}
	m.Advance(10 * time.Second)
	m.wantNoted(left, true)
	for range 2 {
		if err := s.Tidy(t.Context(), []units.UnitID{id}, nil); err != nil {
			t.Fatal(err)
		}
		m.wantNoted(left, false)
		m.wantNoted(id, true)
	}
}
