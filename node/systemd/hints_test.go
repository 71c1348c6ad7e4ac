package systemd

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/units"
)

func TestASignalIsAboutItsUnit(t *testing.T) {
	ours := id(t)
	const changed = "org.freedesktop.DBus.Properties.PropertiesChanged"
	const path = "/org/freedesktop/systemd1/unit/nsched_2ens_2eapp_2e0_2e1_2e1_2eservice"
	for name, c := range map[string]struct {
		signal dbus.Signal
		want   units.UnitID
		ok     bool
	}{
		"properties of ours":     {dbus.Signal{Name: changed, Path: path}, ours, true},
		"properties of another":  {dbus.Signal{Name: changed, Path: unitPath + "ssh_2eservice"}, units.UnitID{}, false},
		"properties of no unit":  {dbus.Signal{Name: changed, Path: "/org/freedesktop/systemd1"}, units.UnitID{}, false},
		"a new unit":             {dbus.Signal{Name: managerInterface + ".UnitNew", Body: []any{ours.ServiceName()}}, ours, true},
		"a unit that went":       {dbus.Signal{Name: managerInterface + ".UnitRemoved", Body: []any{ours.ServiceName()}}, ours, true},
		"a job that is done":     {dbus.Signal{Name: managerInterface + ".JobRemoved", Body: []any{uint32(1), "/", ours.ServiceName(), "done"}}, ours, true},
		"a job without a body":   {dbus.Signal{Name: managerInterface + ".JobRemoved"}, units.UnitID{}, false},
		"a body of another type": {dbus.Signal{Name: managerInterface + ".UnitNew", Body: []any{7}}, units.UnitID{}, false},
		"a reload is everything": {dbus.Signal{Name: managerInterface + ".Reloading"}, units.UnitID{}, true},
		"something else":         {dbus.Signal{Name: "a.b.C"}, units.UnitID{}, false},
	} {
		if got, ok := subject(&c.signal); got != c.want || ok != c.ok {
			t.Errorf("%s: %v, %v", name, got, ok)
		}
	}
}

func TestHintsAreMergedAndBounded(t *testing.T) {
	h := newHints()
	u := id(t)
	for range 3 {
		h.add(u)
	}
	if diff := cmp.Diff([]units.UnitID{u}, h.take()); diff != "" {
		t.Error(diff)
	}
	for i := range 2 * hintLimit {
		u.Attempt = units.Attempt(i + 1)
		h.add(u)
		if len(h.dirty) > hintLimit {
			t.Fatalf("%d units are remembered", len(h.dirty))
		}
	}
	if diff := cmp.Diff([]units.UnitID{{}}, h.take()); diff != "" {
		t.Error(diff)
	}
	if got := h.take(); got != nil {
		t.Errorf("taken twice: %v", got)
	}
}

func TestClosingAConnectionEndsItsListeners(t *testing.T) {
	s := newHints().handler()
	ch := make(chan *dbus.Signal)
	s.AddSignal(ch)
	s.Terminate()
	s.Terminate()
	if _, open := <-ch; open {
		t.Error("the channel is open")
	}
}

func TestErrorsAreSorted(t *testing.T) {
	answer := func(name string) error { return dbus.Error{Name: name, Body: []any{"why"}} }
	for name, c := range map[string]struct{ err, want error }{
		"a unit of that name":        {answer("org.freedesktop.systemd1.UnitExists"), ErrExists},
		"no such unit":               {answer("org.freedesktop.systemd1.NoSuchUnit"), ErrNotFound},
		"a bad property":             {answer("org.freedesktop.DBus.Error.InvalidArgs"), ErrRefused},
		"a property too new":         {answer("org.freedesktop.DBus.Error.PropertyReadOnly"), ErrRefused},
		"the machine shuts down":     {answer("org.freedesktop.systemd1.TransactionIsDestructive"), ErrUnavailable},
		"too many calls":             {answer("org.freedesktop.DBus.Error.LimitsExceeded"), ErrUnavailable},
		"nobody is there":            {answer("org.freedesktop.DBus.Error.NameHasNoOwner"), ErrUnavailable},
		"not allowed":                {answer("org.freedesktop.DBus.Error.AccessDenied"), ErrUnavailable},
		"no such method":             {answer("org.freedesktop.DBus.Error.UnknownMethod"), ErrProtocol},
		"a pointer to an answer":     {&dbus.Error{Name: "org.freedesktop.systemd1.NoSuchUnit"}, ErrNotFound},
		"the connection ended":       {dbus.ErrClosed, ErrUnavailable},
		"the socket ended":           {io.EOF, ErrUnavailable},
		"the caller gave up":         {context.Canceled, ErrUnavailable},
		"what we could not make out": {ErrProtocol, ErrProtocol},
	} {
		got := classify(c.err)
		if !errors.Is(got, c.want) {
			t.Errorf("%s: %v", name, got)
		}
		for _, other := range []error{ErrExists, ErrNotFound, ErrRefused, ErrUnavailable, ErrProtocol} {
			if other != c.want && errors.Is(got, other) {
				t.Errorf("%s: %v is also %v", name, got, other)
			}
		}
	}
}
