package recovery

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/e2e/stage"
	"github.com/nsched/nsched/cmd/nsched-lab/host"
	"github.com/nsched/nsched/units"
)

// TestEachAppsRuleForAPartitionHolds cuts off one node that runs an app of each kind, until what may be
// replaced is, and heals it.
func TestEachAppsRuleForAPartitionHolds(t *testing.T) {
	s := single.Led(t)
	n := s.Node(t, "n3")
	disconnect := func(name string, rules stage.Document) stage.Document {
		return s.ActorApp(name).With("disconnect", rules)
	}
	// A lease lasts 15 s from its latest renewal, and one is renewed every 2 s.
	const slow, soon, late, lease = 10 * time.Second, 20 * time.Second, 5 * time.Minute, 13 * time.Second
	lift := confine(t, s, "n3")
	for _, app := range []stage.Document{
		alone(s, "one"),
		alone(s, "one-slow", "-ignore-stop").With("stop", stage.Document{"timeout": slow.String()}),
		disconnect("stops", stage.Document{"onPartition": "stop"}).With("stop", stage.Document{"timeout": "2s"}),
		disconnect("original", stage.Document{"reconcile": "keepOriginal"}),
		disconnect("replacement", stage.Document{"reconcile": "keepReplacement"}),
		disconnect("soon", stage.Document{"lostAfter": soon.String()}),
		disconnect("late", stage.Document{"lostAfter": late.String()}),
	} {
		s.Submits(t, app)
	}
	before := map[string]stage.Placed{}
	for _, name := range []string{"one", "one-slow", "stops", "original", "replacement", "soon", "late"} {
		before[name] = s.Up(t, name, 1, "", nil)[0]
		if before[name].Node != "n3" {
			t.Fatalf("%+v is not on n3", before[name])
		}
	}
	lift()
	one, slowOne, stops := running(t, s, "one"), running(t, s, "one-slow"), running(t, s, "stops")

	away := time.Now()
	heal := cut(t, s, "n3")
	within(t, "the singleton is dead", away, ended(t, s, one), fence+2*time.Second+slack)
	within(t, "what stops on partition is dead", away, ended(t, s, stops), fence+2*time.Second+slack)
	within(t, "the singleton that takes its time is dead", away, ended(t, s, slowOne), fence+slow+slack)
	stage.Eventually(t, "the node says that it is cut off", func() error {
		out, err := n.Exec(t.Context(), "env", "NSCHED_ENDPOINTS=http://"+host.LabName+":2379", "NSCHED_ALLOW_INSECURE=true", "nsched", "status", "--timeout=20s")
		exit := (*host.ExitError)(nil)
		if !errors.As(err, &exit) || exit.Code != 6 || !strings.Contains(exit.Stderr, "cut off") || !strings.Contains(out, "original:0") {
			return fmt.Errorf("status says %q, %v", out, err)
		}
		metrics, err := n.Exec(t.Context(), "curl", "-sS", "http://127.0.0.1:7440/metrics")
		if err == nil && !strings.Contains(metrics, "nsched_node_cut_off 1") {
			err = errors.New("the metric does not say it")
		}
		return err
	})

	for name := range before {
		if name != "late" {
			if u := s.Up(t, name, 1, "n3", nil)[0]; u.Node == "n3" {
				t.Errorf("%s is replaced on %s", name, u.Node)
			}
		}
	}
	neverTwice(t, s, "one")
	neverTwice(t, s, "one-slow")
	if lives := s.Lives("soon"); len(lives) != 2 || lives[1].Start.Sub(away) < lease+soon {
		t.Errorf("what is lost %v after its node, at %v, has lives %+v", soon, away, lives)
	}
	// What is not bound serves on for those who still reach it.
	for _, name := range []string{"original", "replacement", "soon", "late"} {
		if pid, err := n.MainPID(t.Context(), roleOf(t, s, before[name]).ID.ServiceName()); err != nil || pid != before[name].PID {
			t.Errorf("%s was process %d and is %d, %v", name, before[name].PID, pid, err)
		}
	}
	if lives := s.Lives("late"); len(lives) != 1 {
		t.Errorf("what is lost only after %v has lives %+v", late, lives)
	}

	heal()
	ready(t, n)
	for name, keeps := range map[string]string{"original": "n3", "soon": "n3", "late": "n3", "replacement": "", "one": "", "one-slow": "", "stops": ""} {
		var u stage.Placed
		stage.Eventually(t, name+" has one unit again", func() error {
			all := s.Units(t, name)
			if len(all) != 1 {
				return fmt.Errorf("it has %+v", all)
			}
			u = all[0]
			return nil
		})
		if kept := u.Unit == before[name].Unit && u.PID == before[name].PID; kept != (keeps == "n3") {
			t.Errorf("%s was %+v and is %+v", name, before[name], u)
		}
	}
	neverTwice(t, s, "one")
	neverTwice(t, s, "one-slow")
}

func TestADaemonThatStaysAwayHasItsNodeGiveUpWhatIsBoundBeforeItIsEvacuated(t *testing.T) {
	s := single.Led(t)
	n := s.Node(t, "n3")
	lift := confine(t, s, "n3")
	s.Submits(t, alone(s, "fenced-one", "-stop-takes", "1s"))
	s.Submits(t, s.ActorApp("fenced"))
	one, other := s.Up(t, "fenced-one", 1, "", nil)[0], s.Up(t, "fenced", 1, "", nil)[0]
	lift()
	life, place := running(t, s, "fenced-one"), stage.Tenure(t, n)
	h := s.Follow(t)
	going := paused(t, n, "nsched-node.service")
	for name, u := range map[string]stage.Placed{"fenced-one": one, "fenced": other} {
		if next := s.Up(t, name, 1, "n3", nil)[0]; next.Unit == u.Unit {
			t.Errorf("%s is still %+v", name, next)
		}
	}
	var told, gone int64
	for _, c := range h.Of(t, s.Keys.Fence("n3")) {
		if f := decode[units.Fence](t, c.KeyValue); !c.Deleted && f.Tenure == place && told == 0 {
			told = c.ModRevision
		}
	}
	for _, c := range h.Of(t, s.Keys.Alive("n3")) {
		if c.Deleted && gone == 0 {
			gone = c.ModRevision
		}
	}
	if told == 0 || gone < told {
		t.Errorf("the node was told to give up at revision %d and did so at %d", told, gone)
	}
	for _, u := range []stage.Placed{one, other} {
		for _, c := range h.Of(t, s.Keys.Unit("n3", roleOf(t, s, u).ID)) {
			if c.ModRevision <= gone {
				t.Errorf("%s was evicted at revision %d, before its node had given up at %d", u.Unit, c.ModRevision, gone)
			}
		}
	}
	if end := ended(t, s, life); end.IsZero() {
		t.Error("the singleton lives on")
	}
	neverTwice(t, s, "fenced-one")
	going()
	ready(t, n)
	s.Up(t, "fenced", 1, "", nil)
	neverTwice(t, s, "fenced-one")
}

func TestLossesOfMostNodesFreezeEvictionsUntilAPersonConfirmsThem(t *testing.T) {
	s := single.Led(t)
	s.Submits(t, s.Wide("spread", 3))
	s.Up(t, "spread", 3, "", nil)
	lost := []string{"n2", "n3"}
	var heal []func()
	for _, name := range lost {
		heal = append(heal, cut(t, s, name))
	}
	stage.Eventually(t, "the losses are frozen", func() error {
		if out := types(t, s, "nodes").Out; strings.Count(out, "frozen") != 2 {
			return errors.New(out)
		}
		return nil
	})
	time.Sleep(leaseTTL)
	if lives := s.Lives("spread"); len(lives) != 3 {
		t.Errorf("evictions are frozen and there are lives %+v", lives)
	}
	for _, name := range lost {
		types(t, s, "nodes", "confirm-lost", name, "-y")
	}
	stage.Eventually(t, "what they ran is replaced", func() error {
		alive := 0
		for _, u := range s.Units(t, "spread") {
			if u.Node == "n1" && u.Health == "passing" {
				alive++
			}
		}
		if alive != 3 {
			return fmt.Errorf("n1 has %d of 3", alive)
		}
		return nil
	})
	for _, f := range heal {
		f()
	}
	for _, name := range lost {
		ready(t, s.Known(name))
	}
	stage.Eventually(t, "there are three units again", func() error {
		if all := s.Units(t, "spread"); len(all) != 3 {
			return fmt.Errorf("there are %+v", all)
		}
		return nil
	})
}
