package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/node"
	"github.com/nsched/nsched/units"
)

// journal is a node's journal in memory.
type journal struct {
	mu    sync.Mutex
	lines []node.LogLine
}

func (j *journal) write(unit, text string, micros int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, node.LogLine{Unit: unit, Text: text, TimeMicros: micros})
}

// Read implements node.Journal.
func (j *journal) Read(ctx context.Context, q node.LogQuery, each func(node.LogLine) error) error {
	for at := 0; ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
		j.mu.Lock()
		lines := j.lines[at:]
		at = len(j.lines)
		j.mu.Unlock()
		for _, line := range lines {
			if line.Unit == q.Unit.String() {
				if err := each(line); err != nil {
					return err
				}
			}
		}
		if !q.Follow {
			break
		}
	}
	return nil
}

// serveNode answers as a node does, and registers that node with a unit of app hello.
func (s *stage) serveNode(t *testing.T, name units.NodeName, slot string, j node.Journal) (unit string) {
	t.Helper()
	server := httptest.NewServer(node.API{Overview: func() node.Overview { return node.Overview{Node: name} }, Journal: j}.Handler())
	t.Cleanup(server.Close)
	s.register(t, name, func(n *units.Node) { n.API = server.URL })
	return s.assign(t, name, slot)
}

func (s *stage) assign(t *testing.T, name units.NodeName, slot string) string {
	t.Helper()
	id := units.UnitID{Namespace: "default", App: "hello", Slot: units.Slot(slot), Generation: 1, Attempt: 1}
	putValue(t, s, s.keys.Unit(name, id), units.Assignment{Desired: units.DesiredRun, Tenure: 1, Term: 1})
	return id.String()
}

func TestLogsOfSeveralNodesComeInOrder(t *testing.T) {
	s := onStage(t)
	one, two := &journal{}, &journal{}
	first, second := s.serveNode(t, "n1", "0", one), s.serveNode(t, "n2", "1", two)
	one.write(first, "a", 1_000_000)
	two.write(second, "b\x1b[31m", 2_000_000)
	one.write(first, "c", 3_000_000)
	got := nsched(t, "", "logs", "hello")
	want := "00:00:01.000 hello:0 a\n00:00:02.000 hello:1 b[31m\n00:00:03.000 hello:0 c\n"
	if diff := cmp.Diff(want, got.out); diff != "" || got.code != exitOK {
		t.Errorf("code %d, %s\n(-want +got)\n%s", got.code, got.errs, diff)
	}
	got = nsched(t, "", "logs", "hello:1", "-o", "json")
	want = `{"time":2000000,"text":"b\u001b[31m","priority":0,"unit":"default.hello.1.1.1","node":"n2"}` + "\n"
	if diff := cmp.Diff(want, got.out); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestALogThatCannotBeHadHidesNoOther(t *testing.T) {
	s := onStage(t)
	one := &journal{}
	one.write(s.serveNode(t, "n1", "0", one), "a", 1_000_000)
	// n2 registered an address at which another node answers: its own loopback, as seen from here.
	var api string
	for _, v := range s.registered(t) {
		if v.Name == "n1" {
			api = v.API
		}
	}
	s.register(t, "n2", func(n *units.Node) { n.API = api })
	s.assign(t, "n2", "1")
	got := nsched(t, "", "logs", "hello")
	if got.code != exitOK || !strings.Contains(got.out, "hello:0 a\n") || !strings.Contains(got.errs, "is node n1; set api.listen on n2") {
		t.Errorf("code %d, stdout %q, stderr %q", got.code, got.out, got.errs)
	}
	if got := nsched(t, "", "logs", "hello:1"); got.code != exitFailed {
		t.Errorf("code %d when no log can be had", got.code)
	}
	if got := nsched(t, "", "logs", "nothing"); got.code != exitFailed || !strings.Contains(got.errs, "has no units") {
		t.Errorf("code %d, %s", got.code, got.errs)
	}
}

func (s *stage) registered(t *testing.T) []nodeView {
	t.Helper()
	snapshot, err := s.read(t.Context(), s.nodeScope())
	if err != nil {
		t.Fatal(err)
	}
	return s.nodes(snapshot)
}

// lockedBuilder is a strings.Builder that a test may read while the program writes.
type lockedBuilder struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuilder) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuilder) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.b.String(), text)
}

func TestFollowedLogsGoOnWithUnitsThatComeLater(t *testing.T) {
	s := onStage(t)
	one, two := &journal{}, &journal{}
	one.write(s.serveNode(t, "n1", "0", one), "early", 1_000_000)
	ctx, cancel := context.WithCancel(t.Context())
	var out lockedBuilder
	ended := make(chan int, 1)
	go func() {
		ended <- newSession(strings.NewReader(""), &out, &out).run(ctx, []string{"logs", "-f", "hello"})
	}()
	until := func(text string) {
		t.Helper()
		for range 500 {
			if out.has(text) {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Errorf("%q never came: %q", text, out.b.String())
	}
	until("hello:0 early")
	two.write(s.serveNode(t, "n2", "1", two), "late", 2_000_000)
	until("hello:1 late")
	one.write("default.hello.0.1.1", "again", 3_000_000)
	until("hello:0 again")
	cancel()
	if code := <-ended; code != exitInterrupted {
		t.Errorf("code %d", code)
	}
}

// planJSON is what programs read of a plan.
const planJSON = `[
  {
    "app": "default/hello",
    "revision": 9,
    "generation": 2,
    "count": 2,
    "unchanged": false,
    "changes": [
      {
        "path": "env.A",
        "old": "\"1\"",
        "new": "\"2\""
      }
    ],
    "place": [
      {
        "unit": "default.hello.0.2.2",
        "node": "n1"
      }
    ],
    "stop": [
      {
        "unit": "default.hello.0.1.1",
        "node": "n1",
        "reason": {
          "code": "replaced"
        }
      }
    ],
    "unplaced": [
      {
        "slot": "1",
        "reason": {
          "code": "no-node",
          "message": "no node is registered"
        }
      }
    ]
  }
]
`

func TestPlanAsksTheLeader(t *testing.T) {
	s := onStage(t)
	if got := nsched(t, good(""), "plan", "-"); got.code != exitUnreachable || !strings.Contains(got.errs, "no scheduler leads") {
		t.Errorf("without a leader: code %d, %s", got.code, got.errs)
	}
	answer, status := "", http.StatusOK
	leader := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/v1/plan" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(leader.Close)
	putValue(t, s, s.keys.Leader(7), units.Leader{Name: "follower", API: "http://127.0.0.1:9"})
	old := s.revision(t)
	putValue(t, s, s.keys.Leader(6), units.Leader{Name: "candidate", API: leader.URL})
	if got := nsched(t, good(""), "plan", "-"); got.code != exitUnreachable {
		t.Errorf("the oldest key leads, and does not answer: code %d at revision %d, %s", got.code, old, got.errs)
	}
	putValue(t, s, s.keys.Leader(7), units.Leader{Name: "leader", API: leader.URL})

	answer = `{"revision": 9, "generation": 2, "count": 2, "changes": [{"path": "env.A", "old": "\"1\"", "new": "\"2\""}],
		"place": [{"unit": "default.hello.0.2.2", "node": "n1"}],
		"stop": [{"unit": "default.hello.0.1.1", "node": "n1", "reason": {"code": "replaced"}}],
		"unplaced": [{"slot": "1", "reason": {"code": "no-node", "message": "no node is registered"}}]}`
	got := nsched(t, good(""), "plan", "-", "--detailed-exitcode")
	want := `default/hello: generation 2, count 2
  ~ env.A: "1" -> "2"
  place default.hello.0.2.2 on n1
  stop  default.hello.0.1.1 on n1: replaced
  no room for slot 1: no-node: no node is registered
`
	if diff := cmp.Diff(want, got.out); diff != "" || got.code != exitChanges {
		t.Errorf("code %d, %s\n(-want +got)\n%s", got.code, got.errs, diff)
	}
	got = nsched(t, good(""), "plan", "-", "-o", "json")
	if diff := cmp.Diff(planJSON, got.out); diff != "" || got.code != exitOK {
		t.Errorf("code %d, %s\n(-want +got)\n%s", got.code, got.errs, diff)
	}
	answer = `{"revision": 9, "generation": 1, "count": 2, "unchanged": true}`
	got = nsched(t, good(""), "plan", "-", "--detailed-exitcode", "-o", "json")
	if got.code != exitOK || !strings.Contains(got.out, `"unchanged": true`) || !strings.Contains(got.out, `"place": []`) {
		t.Errorf("code %d, %s%s", got.code, got.out, got.errs)
	}
	answer, status = "this scheduler does not lead", http.StatusServiceUnavailable
	if got := nsched(t, good(""), "plan", "-"); got.code != exitUnreachable || !strings.Contains(got.errs, "does not lead") {
		t.Errorf("code %d, %s", got.code, got.errs)
	}
	answer, status = "path: wrong", http.StatusUnprocessableEntity
	if got := nsched(t, good(""), "plan", "-"); got.code != exitUsage || !strings.Contains(got.errs, "standard input: path: wrong") {
		t.Errorf("code %d, %s", got.code, got.errs)
	}
}
