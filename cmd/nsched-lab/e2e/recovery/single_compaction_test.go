package recovery

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
)

func TestCompactionWhileANodeIsCutOffAndEverybodyElseIsPausedLosesNothing(t *testing.T) {
	s := single.Led(t)
	s.Submits(t, s.Wide("compacted", 3))
	before := s.Up(t, "compacted", 3, "", nil)
	paused1, paused2 := paused(t, s.Schedulers[0], cluster.SchedulerUnit), paused(t, s.Schedulers[1], cluster.SchedulerUnit)
	daemon := paused(t, s.Known("n2"), cluster.DaemonUnit)
	heal := cut(t, s, "n3")

	// What they miss: an app that grows, and so many revisions that none of them can go on where it was.
	types(t, s, "scale", "compacted", "4", "--detach")
	for i := range 50 {
		s.Put(t, fmt.Sprintf("/elsewhere/%d", i), "x")
	}
	etcdctl(t, s, "compact", revisionOf(t, etcdctl(t, s, "get", "/", "--limit=1", "--write-out=json")), "--physical")
	heal()
	daemon()
	paused1()
	paused2()

	after := s.Up(t, "compacted", 4, "", nil)
	goesOn(t, s, "compacted", after)
	for _, u := range before {
		if n := s.Witness.Lives(u.Unit); len(n) != 1 || !n[0].End.IsZero() {
			t.Errorf("the witness saw %s as %+v", u.Unit, n)
		}
	}
	for _, name := range []string{"n2", "n3"} {
		ready(t, s.Known(name))
	}
}

// revisionOf finds etcd's newest revision in an answer of etcdctl in JSON.
func revisionOf(t *testing.T, answer string) string {
	t.Helper()
	var said struct{ Header struct{ Revision int64 } }
	if err := json.Unmarshal([]byte(answer), &said); err != nil || said.Header.Revision == 0 {
		t.Fatalf("%s: %v", answer, err)
	}
	return fmt.Sprint(said.Header.Revision)
}
