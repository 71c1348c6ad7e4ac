package recovery

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/e2e/stage"
	"github.com/nsched/nsched/units/registry"
)

func TestTokensExpireEverySecondAndNobodyNotices(t *testing.T) {
	s := locked.Led(t)
	s.Submits(t, s.Wide("token", 2))
	before := s.Up(t, "token", 2, "", nil)
	tenures := []int64{stage.Tenure(t, s.Known("n1")), stage.Tenure(t, s.Known("n2"))}
	defer roleOf(t, s, before[0]).Load()()
	time.Sleep(2 * leaseTTL) // watches, leases and elections go on in many tokens
	worksFor(t, s, "token", 2)

	// etcd keeps tokens in memory: afterwards all are unknown, and every stream begins anew.
	if err := lockedEtcd.kill(); err != nil {
		t.Fatal(err)
	}
	if err := lockedEtcd.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"n1", "n2"} {
		ready(t, s.Known(name))
	}
	worksFor(t, s, "token", 2)
	goesOn(t, s, "token", before)
	for i, name := range []string{"n1", "n2"} {
		if now := stage.Tenure(t, s.Known(name)); now != tenures[i] {
			t.Errorf("the tenure of %s was %d and is %d", name, tenures[i], now)
		}
	}
}

func TestWhatOneNodeMayWriteNoOtherMay(t *testing.T) {
	s := locked.Led(t)
	p := s.Keys.Prefix()
	for _, c := range []struct{ user, key string }{
		{"n2", "nodes/n1"},
		{"n2", "alive/n1"},
		{"n2", "status/n1/default.x.0.1.1"},
		{"n2", "units/n2/default.x.0.1.1"},
		{"n2", "endpoints/default/n1/default.x.0.1.1"},
		{"n2", "cluster"},
		{"n2", "leader/1"},
		{"s1", "apps/default/x"},
		{"s1", "nodes/n1"},
		{"s1", "alive/n1"},
		{"dev", "units/n1/default.x.0.1.1"},
	} {
		out, err := s.EtcdctlAt(t.Context(), "unix://"+lockedEtcd.socket(), "--user="+c.user+":"+c.user, "put", p+c.key, "x")
		if err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("%s writes %s: %q, %v", c.user, c.key, out, err)
		}
	}
}

func TestACertificateThatExpiresAndIsRenewedOnDiskNeedsNoRestart(t *testing.T) {
	s := locked.Led(t)
	n := s.Node(t, "n1")
	s.Submits(t, on(s.ActorApp("certified"), "n1"))
	u := s.Up(t, "certified", 1, "", nil)[0]
	before := roleOf(t, s, u).Life()
	pids := func() (pids [2]int) {
		for i, unit := range []string{cluster.GuardUnit, cluster.DaemonUnit} {
			var err error
			if pids[i], err = n.MainPID(t.Context(), unit); err != nil || pids[i] == 0 {
				t.Fatalf("%s is process %d, %v", unit, pids[i], err)
			}
		}
		return pids
	}
	daemons := pids()
	show := func(lasts time.Duration) {
		t.Helper()
		for name, text := range lockedEtcd.files("n1", lasts) {
			if err := n.WriteFile(t.Context(), name, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	reconnect := func() {
		t.Helper()
		if err := lockedEtcd.kill(); err != nil {
			t.Fatal(err)
		}
		if err := lockedEtcd.start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	const lasts = 10 * time.Second
	show(lasts)
	ends := time.Now().Add(lasts)
	reconnect()
	ready(t, n)
	time.Sleep(time.Until(ends) + time.Second)
	reconnect()
	stage.Eventually(t, "the node cannot log in any more", func() error { return unready(n.Ready(t.Context())) })
	roleOf(t, s, u).Same(before)
	show(time.Hour)
	ready(t, n)
	if now := pids(); now != daemons {
		t.Errorf("guard and daemon were %v and are %v", daemons, now)
	}
	s.Up(t, "certified", 1, "", nil)
}

func TestWithoutSpaceInEtcdNothingStopsAndWritesResumeWhenThereIsSome(t *testing.T) {
	s := locked.Led(t)
	ctl := func(args ...string) string {
		t.Helper()
		out, err := lockedEtcd.ctl(t.Context(), args...)
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return out
	}
	s.Submits(t, s.Wide("full", 2))
	before := s.Up(t, "full", 2, "", nil)
	tenures := []int64{stage.Tenure(t, s.Known("n1")), stage.Tenure(t, s.Known("n2"))}
	stopLoad := roleOf(t, s, before[0]).Load()
	filled := false
	for i := 0; !filled; i++ {
		_, err := s.Registry.Txn(t.Context(), registry.Txn{Then: []registry.Op{{
			Kind: registry.OpPut, Key: fmt.Sprintf("/elsewhere/%d", i), Value: bytes.Repeat([]byte("x"), 1<<20),
		}}})
		if filled = errors.Is(err, registry.ErrNoSpace); err != nil && !filled || i > 2*lockedQuota>>20 {
			t.Fatalf("etcd does not fill: %v", err)
		}
	}
	if alarms := ctl("alarm", "list"); !strings.Contains(alarms, "NOSPACE") {
		t.Fatalf("etcd is not full: %q", alarms)
	}
	if got := s.Types(t, nil, "scale", "full", "3"); got.Code == 0 || !strings.Contains(got.Errs, "out of space") {
		t.Errorf("scale says %+v", got)
	}
	time.Sleep(2 * leaseTTL) // leases are renewed all the same
	goesOn(t, s, "full", before)

	ctl("del", "/elsewhere/", "--prefix")
	ctl("compact", revisionOf(t, ctl("get", "/", "--limit=1", "--write-out=json")))
	ctl("defrag")
	ctl("alarm", "disarm")
	worksFor(t, s, "full", 2)
	goesOn(t, s, "full", before)
	stopLoad()
	for i, name := range []string{"n1", "n2"} {
		ready(t, s.Known(name))
		if now := stage.Tenure(t, s.Known(name)); now != tenures[i] {
			t.Errorf("the tenure of %s was %d and is %d", name, tenures[i], now)
		}
	}
}
