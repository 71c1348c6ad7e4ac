package chaos

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
)

func TestEveryFaultHasANameOfItsOwnAndSaysWhatItIs(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Faults() {
		if f.Name == "" || f.What == "" || f.strike == nil || seen[f.Name] {
			t.Errorf("%+v", f)
		}
		seen[f.Name] = true
	}
	if _, err := Pick("guard-pause", "nonsense"); !errors.Is(err, ErrFault) {
		t.Errorf("an unknown fault: %v", err)
	}
	if got, err := Pick("half-gone", "guard-pause"); err != nil || len(got) != 2 || got[0].Name != "half-gone" {
		t.Errorf("two faults: %v, %v", got, err)
	}
}

func TestEqualSeedsDrawEqually(t *testing.T) {
	a, b, c := NewDraw(7), NewDraw(7), NewDraw(8)
	same, other := true, true
	for range 20 {
		x, y, z := a.between(time.Second, time.Minute), b.between(time.Second, time.Minute), c.between(time.Second, time.Minute)
		same, other = same && x == y, other && x == z
		if x < time.Second || x > time.Minute {
			t.Errorf("%v is not between a second and a minute", x)
		}
	}
	if !same || other {
		t.Errorf("equal seeds are equal: %t; others are: %t", same, other)
	}
}

func TestOnlyWhatDoesNotMeetIsStruckSideBySide(t *testing.T) {
	pick := func(name string) Fault {
		all := Faults()
		return all[slices.IndexFunc(all, func(f Fault) bool { return f.Name == name })]
	}
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"guard-pause", "leader-kill", true},
		{"guard-pause", "daemon-kill", true},
		{"guard-pause", "guard-pause", false},
		{"leader-kill", "leader-pause", false},
		{"quorum-loss", "cache-slow", false},
		{"etcd-one-way", "node-cut", true},
	} {
		if got := beside(pick(c.a), pick(c.b)); got != c.want {
			t.Errorf("%s beside %s: %t", c.a, c.b, got)
		}
	}
}

func TestAReportTellsWhatWasWrong(t *testing.T) {
	r := Report{Seed: 3, Hits: []Hit{
		{Faults: []string{"guard-pause"}, Targets: []string{"n1"}, Took: 4 * time.Second, Crowd: Fared{Failed: 2}},
		{Faults: []string{"guard-pause", "cache-slow"}, Targets: []string{"n2", "cache"}, Took: 70 * time.Second, Missing: "2 of 3 units of web run"},
		{Faults: []string{"half-gone"}, Targets: []string{"n1 n2 n3"}, Took: time.Second, Evicted: []string{"default.web.0.1.1"}, Restless: true},
	}}
	r = (&Stage{Witness: cluster.NewWitness(closed{}), Census: newWatchman(cluster.Census{})}).Report(r, nil)
	if len(r.Wrong) != 2 || !strings.Contains(r.Wrong[0], "2 of 3 units of web run") || !strings.Contains(r.Wrong[1], "default.web.0.1.1") {
		t.Errorf("it says %q", r.Wrong)
	}
	var text, data bytes.Buffer
	if err := errors.Join(r.Markdown(&text), r.JSON(&data)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"3 hits of 4 faults", "| SIGSTOP of a node's guard, 1 to 40 s | 2 | 37.0 s | 70.0 s | 1 | 0 | 0 | 0 | 0 | 0 | 0 | 2 |",
		"| the cache sends 64 KiB a second, 20 to 30 s | 1 | 70.0 s |", "a promise is broken",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &text)
		}
	}
	if !strings.Contains(data.String(), `"seed": 3`) {
		t.Errorf("JSON: %s", &data)
	}
}
