package chaos

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// speak is a service that tells a witness of its life, and shows its token to the register.
func speak(t *testing.T, socket, unit string, token int64) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	now, err := cluster.Monotonic()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "%s inv 17 token=%d began=%d\nwrite %d %d 0\n", unit, token, now, token, now); err != nil {
		t.Fatal(err)
	}
	return conn
}

// heard is a stage whose witness has heard of these units, which all live.
func heard(t *testing.T, tokens map[string]int64) *Stage {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "socket")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &Stage{Witness: cluster.NewWitness(l), History: &History{kv: map[string]registry.KeyValue{}}}
	t.Cleanup(s.Witness.Close)
	for unit, token := range tokens {
		speak(t, socket, unit, token)
		if _, err := s.Witness.Await(t.Context(), func(l cluster.Life) bool { return l.Unit == unit }); err != nil {
			t.Fatal(err)
		}
	}
	for len(s.Witness.Register.Writes()) < len(tokens) {
		time.Sleep(time.Millisecond)
	}
	return s
}

// groups are control groups in which this program is the process of units, by host.
func groups(t *testing.T, held map[string]string) cluster.Census {
	t.Helper()
	dirs := map[string]string{}
	for unit, host := range held {
		if dirs[host] == "" {
			dirs[host] = t.TempDir()
		}
		dir := filepath.Join(dirs[host], "nsched.slice", "nsched-default.slice", "nsched."+unit+".service")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), fmt.Appendf(nil, "%d\n", os.Getpid()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return cluster.CensusOf(dirs)
}

const firstCopy, secondCopy = "default.lone-quick.0.1.1", "default.lone-quick.0.1.2"

func TestWhenTwoCopiesRunEverybodySaysSo(t *testing.T) {
	s := heard(t, map[string]int64{firstCopy: 5, secondCopy: 6})
	if got := s.Overlaps("lone-quick"); len(got) != 1 {
		t.Errorf("the witness: %v", got)
	}
	if err := s.CheckTokens("lone-quick"); err == nil {
		t.Error("the history of the lock is in order")
	}
	w := newWatchman(groups(t, map[string]string{firstCopy: "n1", secondCopy: "n2"}))
	defer w.Close()
	w.Guard(appID("lone-quick"))
	w.round()
	if seen, rounds := w.Seen(); len(seen) == 0 || rounds == 0 || len(w.Blind()) > 0 {
		t.Errorf("the watchman: %v, %d rounds", seen, rounds)
	}
	s.Census = w
	err := s.Final()
	for _, want := range []string{"control groups of two hosts", "ran twice", "the lives of lone-quick"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the end does not say %q: %v", want, err)
		}
	}
}

func TestOfOneCopyNobodySaysThatItIsTwo(t *testing.T) {
	s := heard(t, map[string]int64{firstCopy: 5})
	if err := s.CheckTokens("lone-quick"); err != nil || len(s.Overlaps("lone-quick")) > 0 {
		t.Error(err)
	}
	w := newWatchman(groups(t, map[string]string{firstCopy: "n1"}))
	defer w.Close()
	w.Guard(appID("lone-quick"), appID("lone-slow"))
	w.round()
	if seen, _ := w.Seen(); len(seen) > 0 {
		t.Errorf("the watchman: %v", seen)
	}
	if blind := w.Blind(); len(blind) != 1 || blind[0] != appID("lone-slow") {
		t.Errorf("he has not seen %v", blind)
	}
}

func TestTheJudgeSeesWhatRunsTwiceOrNotAtAllOrElsewhere(t *testing.T) {
	unit := func(slot, attempt string) units.UnitID {
		id, err := units.ParseUnitID("default.web." + slot + ".1." + attempt)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	on := func(id units.UnitID, host string) cluster.Life { return cluster.Life{Unit: id.String(), Host: host} }
	a, b, again := unit("0", "1"), unit("1", "1"), unit("0", "2")
	run := func(node units.NodeName) Placed {
		return Placed{Node: node, Assignment: units.Assignment{Desired: units.DesiredRun, Ports: map[string]uint16{"http": 80}}}
	}
	home := func(n units.NodeName) (host, address string) {
		if n == "dark" {
			return "", ""
		}
		return string(n), netip.MustParseAddr("10.0.0.1").String()
	}
	for _, c := range []struct {
		name     string
		count    int
		lives    []cluster.Life
		assigned map[units.UnitID]Placed
		wrong    int
	}{
		{"all as wanted", 2, []cluster.Life{on(a, "n1"), on(b, "n2")}, map[units.UnitID]Placed{a: run("n1"), b: run("n2")}, 0},
		{"the witness is deaf", 2, nil, map[units.UnitID]Placed{a: run("n1"), b: run("n2")}, 2},
		{"a slot runs twice, and both are assigned", 2, []cluster.Life{on(a, "n1"), on(again, "n2")}, map[units.UnitID]Placed{a: run("n1"), again: run("n2")}, 1},
		{"a slot runs twice, and one is not assigned", 2, []cluster.Life{on(a, "n1"), on(again, "n2")}, map[units.UnitID]Placed{a: run("n1")}, 1},
		{"one runs where it is not assigned", 1, []cluster.Life{on(a, "n2")}, map[units.UnitID]Placed{a: run("n1")}, 1},
		{"one is to stop", 1, []cluster.Life{on(a, "n1")}, map[units.UnitID]Placed{a: {Node: "n1", Assignment: units.Assignment{Desired: units.DesiredStop}}}, 1},
		{"what came back with its node is yet to run", 1, []cluster.Life{on(again, "n2")}, map[units.UnitID]Placed{a: run("n1"), again: run("n2")}, 1},
		{"its node has no power", 1, []cluster.Life{on(again, "n2")}, map[units.UnitID]Placed{a: run("dark"), again: run("n2")}, 0},
		{"too many run", 0, []cluster.Life{on(a, "n1"), on(b, "n1")}, map[units.UnitID]Placed{a: run("n1"), b: run("n1")}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			urls, err := wantedApp{id: a.AppID(), count: c.count, generation: 1}.serving(c.lives, c.assigned, home)
			if got := unmetUnits(err); got != c.wrong || err == nil && len(urls) != c.count {
				t.Errorf("%d units: %v, %v", got, err, urls)
			}
		})
	}
	j := &judge{s: &Stage{Witness: cluster.NewWitness(closed{}), History: &History{kv: map[string]registry.KeyValue{}}}}
	if err := j.look(t.Context()); err == nil {
		t.Error("nobody wants anything, and all is as wanted")
	}
}

func TestWhoeverSawNothingProvesNothing(t *testing.T) {
	w := newWatchman(cluster.Census{})
	defer w.Close()
	w.Guard(appID(singletons[0]))
	s := &Stage{Witness: cluster.NewWitness(closed{}), Census: w, Crowd: &Crowd{}, Operator: &Operator{}}
	err := s.attended()
	for _, want := range []string{"the watchman has never seen", "the witness has never heard of lone-slow", "no singleton has shown", "the crowd asked 0 times", "of the operator's 0 commands"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q: %v", want, err)
		}
	}
	begun := time.Now()
	s.Crowd.seconds = []second{{At: begun, Asked: 200}, {At: begun.Add(100 * time.Second), Asked: 300}}
	if err := s.attended(); err == nil || !strings.Contains(err.Error(), "the crowd asked 500 times in 1m40s") {
		t.Errorf("of a crowd that hardly asked: %v", err)
	}
	if err := (Hit{Idle: true}).Wrong(); err == nil {
		t.Error("a crowd that asked nothing is well")
	}
	if h := (Hit{Lost: "the leader has given no sign of life", LostUnits: unmetUnits(errMute)}); h.Losses() != 1 || h.Wrong() == nil {
		t.Errorf("a cluster without a leader lost %d units", h.Losses())
	}
}
