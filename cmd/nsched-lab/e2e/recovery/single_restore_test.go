package recovery

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/e2e/stage"
	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

func TestAnEtcdRestoredFromAnOlderSnapshotIsHeldUntilAPersonAcknowledgesIt(t *testing.T) {
	s := single.Led(t)
	s.Submits(t, s.Wide("restored", 2))
	s.Submits(t, s.ActorApp("over"))
	s.Submits(t, alone(s, "restored-one"))
	kept, over := s.Up(t, "restored", 2, "", nil), s.Up(t, "over", 1, "", nil)[0]
	s.Up(t, "restored-one", 1, "", nil)

	const file = "/var/tmp/etcd.snapshot"
	types(t, s, "cluster", "snapshot", file, "-y")
	text, err := s.Dev.ReadFile(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	here := filepath.Join(host.StateDir, s.Lab.ID(), "etcd.snapshot")
	if err := os.WriteFile(here, text, 0o600); err != nil {
		t.Fatal(err)
	}

	// What the snapshot does not know: an app was stopped, a singleton has had other attempts.
	types(t, s, "stop", "over")
	for range 2 {
		life := running(t, s, "restored-one")
		u := s.Up(t, "restored-one", 1, "", nil)[0]
		_, _ = s.Ask(t.Context(), "POST", u.URL("/exit?code=3"))
		ended(t, s, life)
		replaced(t, s, "restored-one", life)
	}
	s.Up(t, "restored-one", 1, "", nil)
	latest := running(t, s, "restored-one")

	back := withoutEtcd(t, s)
	if _, err := s.Lab.Exec(t.Context(), "rm", "-rf", "/run/etcd"); err != nil {
		t.Fatal(err)
	}
	const peer = "http://localhost:2380"
	if out, err := s.Lab.Exec(t.Context(), s.Programs.Nsched(), "cluster", "restore", here, "--data-dir=/run/etcd", "--name=lab",
		"--initial-cluster=lab="+peer, "--initial-advertise-peer-urls="+peer); err != nil {
		t.Fatalf("restore: %v\n%s", err, out)
	}
	back()
	stage.Eventually(t, "all nodes hold", func() error {
		for _, name := range []string{"n1", "n2", "n3"} {
			_, body, err := s.Known(name).Ask(t.Context(), "/v1/node")
			if err != nil || !strings.Contains(body, "ack-restore") {
				return fmt.Errorf("%s says %s, %v", name, body, err)
			}
		}
		return nil
	})
	types(t, s, "scale", "restored", "3", "--detach")
	time.Sleep(leaseTTL)
	untouched(t, s, kept)
	if n := len(s.Lives("restored")); n != 2 {
		t.Errorf("unacknowledged, there are %d lives of what should be 2", n)
	}
	if lives := s.Witness.Lives(over.Unit); len(lives) != 1 || lives[0].End.IsZero() {
		t.Errorf("unacknowledged, what was stopped lives as %+v", lives)
	}
	if lives := neverTwice(t, s, "restored-one"); len(lives) != 3 {
		t.Errorf("unacknowledged, the singleton's lives are %+v", lives)
	}

	types(t, s, "cluster", "ack-restore", "-y")
	for _, name := range []string{"n1", "n2", "n3"} {
		ready(t, s.Known(name))
	}
	stage.Eventually(t, "what was asked meanwhile is done", func() error {
		if all := s.Units(t, "restored"); len(all) != 3 {
			return fmt.Errorf("there are %+v", all)
		}
		return nil
	})
	s.Up(t, "restored-one", 1, "", nil)
	untouched(t, s, kept)
	if lives := s.Witness.Lives(over.Unit); len(lives) != 1 {
		t.Errorf("an attempt that was stopped came back: %+v", lives)
	}
	after := running(t, s, "restored-one")
	if after.Token>>40 <= latest.Token>>40 {
		t.Errorf("the fence token was %d and is %d: its epoch did not rise", latest.Token, after.Token)
	}
	neverTwice(t, s, "restored-one")
	if got := s.Types(t, nil, "stop", "over"); got.Code != 0 {
		t.Error(errors.New(got.Errs))
	}
}
