package chaos

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
)

// waves are faults that are struck side by side, and together one of each class. Each wave ends when all
// has converged.
var waves = [][]string{
	{"guard-pause", "daemon-kill", "standby-pause", "cache-down"},
	{"daemon-pause", "dbus-restart", "etcd-member-pause", "cache-slow"},
	{"guard-kill", "reaper-kill", "leader-kill"},
	{"power-cut", "reexec", "cache-hang"},
	{"node-mute", "gc-loop", "etcd-one-way"},
	{"reload-storm", "dbus-pause", "leader-pause"},
	{"run-full", "store-full", "journald-kill", "cache-corrupt"},
	{"leases-revoked"},
	{"half-gone"},
	{"leaders-and-node"},
	{"quorum-loss"},
}

func TestEveryClassOfFaultOnRealHosts(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	root, err := cluster.Checkout(here)
	if err != nil {
		t.Fatal(err)
	}
	programs, err := cluster.Build(ctx, root)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(ctx, Options{Programs: programs, Logger: zerolog.New(zerolog.NewConsoleWriter(func(w *zerolog.ConsoleWriter) {
		w.Out, w.NoColor, w.TimeFormat = t.Output(), true, time.TimeOnly
	})).With().Timestamp().Logger()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if t.Failed() {
			dump, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			s.Dump(dump, t.Output())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	seed := uint64(time.Now().UnixNano() % 1e6)
	t.Logf("seed %d", seed)
	d := NewDraw(seed)
	d.Soon()
	for _, names := range waves {
		faults, err := Pick(names...)
		if err != nil {
			t.Fatal(err)
		}
		hit, err := s.Strike(ctx, d, faults...)
		if err := errors.Join(err, hit.Wrong()); err != nil {
			t.Error(err)
		}
		if err != nil {
			t.FailNow()
		}
	}
	if err := s.Final(); err != nil {
		t.Error(err)
	}
	if c := s.Crowd.Between(time.Time{}, time.Now()); c.Asked == 0 || c.Failed == c.Asked {
		t.Errorf("the crowd fared so: %+v", c)
	}
}
