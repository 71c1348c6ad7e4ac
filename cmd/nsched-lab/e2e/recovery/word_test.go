package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/e2e/stage"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// agentLostAfter is how long a daemon may be gone in these tests: long enough for a restart.
const agentLostAfter = 20 * time.Second

// leaseTTL is how long a node is believed without a word.
const leaseTTL = 15 * time.Second

// on has an app run on one of these nodes.
func on(app stage.Document, nodes ...string) stage.Document {
	one := nodes[0]
	for _, n := range nodes[1:] {
		one += "|" + n
	}
	return app.With("constraints", stage.List{stage.Document{"attribute": "node.name", "operator": "regexp", "value": "^(" + one + ")$"}})
}

// roleOf is the unit that a scheduler placed.
func roleOf(t *testing.T, s *stage.Stage, u stage.Placed) *stage.Role {
	t.Helper()
	id, err := units.ParseUnitID(u.Unit)
	if err != nil {
		t.Fatal(err)
	}
	r := s.Role(t, s.Known(u.Node), id)
	r.Port = u.Ports["http"]
	return r
}

// goesOn fails the test unless every unit of before is the process that it was.
func goesOn(t *testing.T, s *stage.Stage, app string, before []stage.Placed) {
	t.Helper()
	after := s.Up(t, app, len(before), "", nil)
	for _, u := range before {
		if !slices.ContainsFunc(after, func(v stage.Placed) bool { return v.Unit == u.Unit && v.Node == u.Node && v.PID == u.PID }) {
			t.Errorf("%+v did not go on: %+v", u, after)
		}
	}
}

// types is a command of a person that must succeed. Where etcd does not answer it is repeated, as a person
// would.
func types(t *testing.T, s *stage.Stage, args ...string) stage.Said {
	t.Helper()
	got := s.Types(t, nil, args...)
	for begun := time.Now(); got.Code == stage.Unreachable && time.Since(begun) < stage.Patience; {
		got = s.Types(t, nil, args...)
	}
	if got.Code != 0 {
		t.Fatalf("nsched %v: %+v", args, got)
	}
	return got
}

// withoutEtcd kills etcd; it is there again when the test has ended, at the latest.
func withoutEtcd(t *testing.T, s *stage.Stage) (back func()) {
	t.Helper()
	if err := s.KillEtcd(); err != nil {
		t.Fatal(err)
	}
	started := false
	back = func() {
		t.Helper()
		if started {
			return
		}
		started = true
		if err := s.StartEtcd(background()); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(back)
	return back
}

// paused stops the main process of a unit of systemd's; going lets it go on.
func paused(t *testing.T, h interface {
	Exec(ctx context.Context, argv ...string) (string, error)
}, unit string,
) (going func()) {
	t.Helper()
	signal := func(s syscall.Signal) error {
		_, err := h.Exec(background(), "systemctl", "kill", "--kill-whom=main", fmt.Sprintf("--signal=%d", s), unit)
		return err
	}
	if err := signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	going = func() { _ = signal(syscall.SIGCONT) }
	t.Cleanup(going)
	return going
}

// cut takes a host off the network until the test ends or heals it.
func cut(t *testing.T, s *stage.Stage, name string) (heal func()) {
	t.Helper()
	if err := s.Lab.Net().Partition(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	heal = func() {
		t.Helper()
		if err := s.Lab.Net().Heal(background(), name); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(heal)
	return heal
}

// ready waits until the node is.
func ready(t *testing.T, n *cluster.Node) {
	t.Helper()
	stage.Eventually(t, n.Name()+" is ready", func() error { return n.Ready(t.Context()) })
}

// unready turns what a node says of itself around.
func unready(err error) error {
	if err == nil {
		return errors.New("it says that it is ready")
	}
	return nil
}

// etcdctl runs etcd's own tool beside etcd.
func etcdctl(t *testing.T, s *stage.Stage, args ...string) string {
	t.Helper()
	out, err := s.Etcdctl(t.Context(), args...)
	if err != nil {
		t.Fatalf("etcdctl %v: %v\n%s", args, err, out)
	}
	return out
}

// decode reads a value.
func decode[T any](t *testing.T, kv registry.KeyValue) T {
	t.Helper()
	v, _, err := registry.Decode[T](kv.Key, kv.Value)
	if err != nil && len(kv.Value) > 0 {
		t.Fatal(err)
	}
	return v
}
