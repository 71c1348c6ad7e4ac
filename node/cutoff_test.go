package node

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/node/guard"
	"github.com/nsched/nsched/units"
	"github.com/rs/zerolog"
)

func TestANodeThatIsCutOffSaysSoOnceAndSinceWhen(t *testing.T) {
	m := newMachine(t)
	m.lease()
	id := m.assign("kept", keepApp, units.DesiredRun)
	m.wantStatus(id, units.StateRunning, "")
	var log bytes.Buffer
	m.d.o.Logger = zerolog.New(&log)
	if o := m.d.Overview(); o.CutOff != nil {
		t.Fatalf("a node in touch is cut off: %+v", o.CutOff)
	}
	m.away, m.fresh = true, false
	since := m.Now.Wall
	m.Advance(time.Minute)
	cut := m.d.Overview().CutOff
	if cut == nil || cut.Running != 1 || cut.Reason == "" || cut.Since.After(since) || since.Sub(cut.Since) > recentContact {
		t.Errorf("says %+v, cut off since %v", cut, since)
	}
	if n := strings.Count(log.String(), "cut off"); n != 1 {
		t.Errorf("logged it %d times:\n%s", n, &log)
	}
	w := httptest.NewRecorder()
	API{Overview: m.d.Overview}.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{"nsched_node_cut_off 1", "nsched_node_held 0"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s among the metrics", want)
		}
	}
	m.wantRuns(id, true)
	m.away, m.fresh = false, true
	m.Advance(time.Minute)
	if cut := m.d.Overview().CutOff; cut != nil {
		t.Errorf("is in touch and says %+v", cut)
	}
}

func TestANodeIsCutOffWhenItsGuardFencesAndNotBefore(t *testing.T) {
	m := newMachine(t)
	m.Advance(time.Minute)
	m.away, m.fresh = true, false
	m.Advance(guard.FenceAfter + time.Second)
	if m.d.Overview().CutOff == nil {
		t.Error("not cut off at the fence")
	}
	m = newMachine(t)
	m.Advance(time.Minute)
	m.away = true
	m.Advance(guard.FenceAfter + time.Second)
	if c := m.d.Overview().CutOff; c != nil {
		t.Errorf("cut off by the daemon's bad luck alone: %+v", c)
	}
}

func TestADaemonThatNeverHeardOfTheRegistryIsCutOffSinceItBegan(t *testing.T) {
	m := newMachine(t)
	m.away, m.fresh = true, false
	m.restart()
	began := m.Now.Wall
	m.Advance(guard.FenceAfter / 2)
	if c := m.d.Overview().CutOff; c != nil {
		t.Errorf("it has just begun, and says %+v", c)
	}
	m.Advance(guard.FenceAfter)
	if c := m.d.Overview().CutOff; c == nil || c.Since.Before(began) {
		t.Errorf("it began at %v, and says %+v", began, c)
	}
}
