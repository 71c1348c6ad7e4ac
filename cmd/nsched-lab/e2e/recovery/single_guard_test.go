package recovery

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/e2e/stage"
)

const reaperUnit = "nsched-reaper.service"

func TestASingletonWhoseGuardStandsStillIsDeadInTimeWhoeverElseIsAway(t *testing.T) {
	s := single.Led(t)
	const stop = 2 * time.Second
	for _, c := range []struct {
		name string
		away func(t *testing.T, n *cluster.Node)
	}{
		{"all are there", func(*testing.T, *cluster.Node) {}},
		{"the reaper is dead", func(t *testing.T, n *cluster.Node) {
			stage.Run(t, n, "systemctl", "stop", reaperUnit)
			t.Cleanup(func() { _, _ = n.Exec(background(), "systemctl", "start", reaperUnit) })
		}},
		{"systemd does not look after the guard", func(t *testing.T, n *cluster.Node) {
			const dropIn = "/run/systemd/system/" + cluster.GuardUnit + ".d/no-watchdog.conf"
			stage.Run(t, n, "sh", "-ec", "mkdir -p ${0%/*}; printf '[Service]\\nWatchdogSec=0\\n' > $0; systemctl daemon-reload; systemctl service-watchdogs false", dropIn)
			t.Cleanup(func() {
				_, _ = n.Exec(background(), "sh", "-c", "rm -f "+dropIn+"; systemctl daemon-reload; systemctl service-watchdogs true")
			})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := "still" + fmt.Sprint(len(strings.Fields(c.name)))
			s.Submits(t, alone(s, name, "-ignore-stop"))
			s.Up(t, name, 1, "", nil)
			life := running(t, s, name)
			n := s.Node(t, life.Host)
			c.away(t, n)
			stopped := time.Now()
			going := paused(t, n, cluster.GuardUnit)
			end := ended(t, s, life)
			within(t, "it is dead", stopped, end, fence+stop+slack)
			going()
			replaced(t, s, name, life)
			s.Up(t, name, 1, "", nil)
			neverTwice(t, s, name)
			ready(t, n)
		})
	}
}

func TestASingletonEndsWithAGuardThatIsKilledAndComesBackOnce(t *testing.T) {
	s := single.Led(t)
	s.Submits(t, alone(s, "orphaned"))
	s.Up(t, "orphaned", 1, "", nil)
	for range 3 {
		life := running(t, s, "orphaned")
		n := s.Node(t, life.Host)
		if err := n.Kill(t.Context(), cluster.GuardUnit, "SIGKILL"); err != nil {
			t.Fatal(err)
		}
		ended(t, s, life)
		replaced(t, s, "orphaned", life)
		s.Up(t, "orphaned", 1, "", nil)
	}
	neverTwice(t, s, "orphaned")
}

func TestASingletonNoticesNeitherTheDaemonStandingStillNorAnUpgradeOfTheGuard(t *testing.T) {
	s := single.Led(t)
	s.Submits(t, alone(s, "calm-one"))
	u := s.Up(t, "calm-one", 1, "", nil)[0]
	r, n := roleOf(t, s, u), s.Known(u.Node)
	before, place := r.Life(), stage.Tenure(t, n)
	going := paused(t, n, cluster.DaemonUnit)
	time.Sleep(fence + 4*time.Second)
	r.Same(before)
	going()
	ready(t, n)
	r.Same(before)

	pid, err := n.MainPID(t.Context(), cluster.GuardUnit)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := n.CopyIn(t.Context(), s.Programs.Nsched(), "/usr/local/bin/nsched"); err != nil {
			t.Fatal(err)
		}
		stage.Run(t, n, "systemctl", "reload", cluster.GuardUnit)
		if now, err := n.MainPID(t.Context(), cluster.GuardUnit); err != nil || now != pid {
			t.Errorf("the guard was process %d and is %d, %v", pid, now, err)
		}
		r.Same(before)
	}
	time.Sleep(fence)
	r.Same(before)
	if now := stage.Tenure(t, n); now != place {
		t.Errorf("the tenure was %d and is %d", place, now)
	}
	if lives := neverTwice(t, s, "calm-one"); len(lives) != 1 {
		t.Errorf("its lives are %+v", lives)
	}
}

func TestASingletonsFenceTokenRisesWithEachAttempt(t *testing.T) {
	s := single.Led(t)
	s.Submits(t, alone(s, "tokens"))
	var last int64
	for range 3 {
		u := s.Up(t, "tokens", 1, "", nil)[0]
		life := running(t, s, "tokens")
		body, err := s.Get(t.Context(), u.URL("/"))
		if want := fmt.Sprintf("NSCHED_FENCE_TOKEN=%d", life.Token); err != nil || !strings.Contains(body, want) {
			t.Errorf("its environment does not hold %s: %s, %v", want, body, err)
		}
		if life.Token <= last {
			t.Errorf("the token was %d and is %d", last, life.Token)
		}
		last = life.Token
		_, _ = s.Ask(t.Context(), "POST", u.URL("/exit?code=3")) // it dies while it answers
		ended(t, s, life)
		replaced(t, s, "tokens", life)
	}
	neverTwice(t, s, "tokens")
}
