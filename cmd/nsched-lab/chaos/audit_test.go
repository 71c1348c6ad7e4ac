package chaos

import (
	"errors"
	"testing"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
)

// life makes one from seconds after an epoch; end 0 lasts on.
func life(unit string, token int64, start, end float64) cluster.Life {
	at := func(s float64) time.Time { return time.Unix(1000, 0).Add(time.Duration(s * float64(time.Second))) }
	l := cluster.Life{Unit: "default.lone.0.1." + unit, Token: token, Start: at(start)}
	if end > 0 {
		l.End = at(end)
	}
	return l
}

func TestTwoLivesOfASingletonAtATimeAreSeenHoweverTheyLie(t *testing.T) {
	now := time.Unix(1100, 0)
	for _, c := range []struct {
		name  string
		lives []cluster.Life
		want  []time.Duration
	}{
		{"one after the other", []cluster.Life{life("1", 1, 0, 5), life("2", 2, 5.001, 9)}, nil},
		{"the second begins before the first has ended", []cluster.Life{life("1", 1, 0, 5), life("2", 2, 4, 9)}, []time.Duration{time.Second}},
		{"told in another order", []cluster.Life{life("2", 2, 4, 9), life("1", 1, 0, 5)}, []time.Duration{time.Second}},
		{"one within the other", []cluster.Life{life("1", 1, 0, 50), life("2", 2, 4, 9)}, []time.Duration{5 * time.Second}},
		{"the first has not ended", []cluster.Life{life("1", 1, 0, 0), life("2", 2, 90, 95)}, []time.Duration{5 * time.Second}},
		{"neither has", []cluster.Life{life("1", 1, 0, 0), life("2", 2, 90, 0)}, []time.Duration{10 * time.Second}},
		{"three", []cluster.Life{life("1", 1, 0, 9), life("2", 2, 8, 20), life("3", 3, 8.5, 9)}, []time.Duration{time.Second, 500 * time.Millisecond, 500 * time.Millisecond}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []time.Duration
			for _, o := range overlaps(appID("lone"), c.lives, now) {
				got = append(got, o.Lasted)
			}
			if len(got) != len(c.want) {
				t.Fatalf("overlaps of %v, want %v", got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("overlaps of %v, want %v", got, c.want)
				}
			}
		})
	}
}

func TestWhatRunsOnWithoutTheClusterForTooLongIsTardy(t *testing.T) {
	second := func(s float64) time.Time { return time.Unix(1000, 0).Add(time.Duration(s * float64(time.Second))) }
	on := func(host string, l cluster.Life) cluster.Life { l.Host = host; return l }
	for _, c := range []struct {
		name string
		life cluster.Life
		to   float64
		want bool
	}{
		{"ended in time", on("n1", life("1", 1, 0, 18.4)), 40, false},
		{"ended too late", on("n1", life("1", 1, 0, 18.6)), 40, true},
		{"has not ended", on("n1", life("1", 1, 0, 0)), 40, true},
		{"the node was back before", on("n1", life("1", 1, 0, 0)), 18, false},
		{"on another node", on("n2", life("1", 1, 0, 0)), 40, false},
		{"had not begun", on("n1", life("1", 1, 11, 0)), 40, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := tardy([]cluster.Life{c.life}, "n1", second(10), second(18.5), second(c.to)); (len(got) > 0) != c.want {
				t.Errorf("it says %v", got)
			}
		})
	}
}

func TestALockIsHeldByOneLifeAndItsTokenRises(t *testing.T) {
	for _, c := range []struct {
		name  string
		lives []cluster.Life
		right bool
	}{
		{"none", nil, true},
		{"one that lasts", []cluster.Life{life("1", 7, 0, 0)}, true},
		{"one after the other", []cluster.Life{life("1", 7, 0, 5), life("2", 9, 6, 0)}, true},
		{"two at a time", []cluster.Life{life("1", 7, 0, 5), life("2", 9, 4, 0)}, false},
		{"an older token after a newer one", []cluster.Life{life("1", 9, 0, 5), life("2", 7, 6, 0)}, false},
		{"a token again", []cluster.Life{life("1", 7, 0, 5), life("1", 7, 6, 0)}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := check("lives", lockModel, lockHistory(c.lives))
			if right := err == nil; right != c.right || err != nil && !errors.Is(err, ErrHistory) {
				t.Errorf("it says %v", err)
			}
		})
	}
}

func TestTheRegisterAcceptsExactlyWhatIsNotOlder(t *testing.T) {
	write := func(unit string, token int64, called, returned time.Duration, accepted bool) cluster.Write {
		return cluster.Write{App: appID("lone"), Unit: unit, Token: token, Called: called, Returned: returned, Answered: called + 1, Accepted: accepted}
	}
	for _, c := range []struct {
		name   string
		writes []cluster.Write
		right  bool
	}{
		{"the same again, then a newer one", []cluster.Write{write("1", 3, 10, 20, true), write("1", 3, 30, 40, true), write("2", 4, 50, 60, true)}, true},
		{"an old one that is refused", []cluster.Write{write("2", 4, 10, 20, true), write("1", 3, 30, 40, false)}, true},
		{"an old one that is accepted", []cluster.Write{write("2", 4, 10, 20, true), write("1", 3, 30, 40, true)}, false},
		{"an old one that may have come first", []cluster.Write{write("2", 4, 10, 40, true), write("1", 3, 20, 50, true)}, true},
		{"a new one that is refused", []cluster.Write{write("1", 3, 10, 20, true), write("2", 4, 30, 40, false)}, false},
		{"one that never told when it returned", []cluster.Write{write("1", 3, 10, 0, true), write("2", 4, 30, 0, true)}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := check("writes", registerModel, registerHistory(c.writes)); (err == nil) != c.right {
				t.Errorf("it says %v", err)
			}
		})
	}
}
