package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/nsched/nsched/cmd/nsched-lab/e2e/stage"
	"github.com/nsched/nsched/units"
)

func TestTheNodesAPITellsOfItAndItsUnits(t *testing.T) {
	t.Parallel()
	s := oneNode.On(t)
	n := s.Node(t, "n1")
	r := s.Cast(t, n, s.ActorApp("talker"))
	r.Reaches(units.StateHealthy)

	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n"} {
		if code, body, err := n.Ask(t.Context(), path); err != nil || code != 200 || body != want {
			t.Errorf("%s gives %d %q, %v", path, code, body, err)
		}
	}
	code, metrics, err := n.Ask(t.Context(), "/metrics")
	if err != nil || code != 200 {
		t.Fatalf("metrics: %d, %v", code, err)
	}
	for _, want := range []string{"nsched_node_ready 1", `nsched_node_units{state="healthy"}`, "nsched_node_registered 1"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics do not hold %s", want)
		}
	}
	if strings.Contains(metrics, "/nix/store/") {
		t.Error("metrics hold a store path")
	}
	var overview struct {
		Node  string
		Units []struct {
			Unit   string
			Status units.Status
		}
	}
	_, body, err := n.Ask(t.Context(), "/v1/node")
	if err == nil {
		err = json.Unmarshal([]byte(body), &overview)
	}
	if err != nil || overview.Node != "n1" || !strings.Contains(body, r.ID.String()) {
		t.Errorf("the overview is %s, %v", body, err)
	}
	if code, _, _ := n.Ask(t.Context(), "/v1/logs?unit=nonsense"); code != 400 {
		t.Errorf("a log of nonsense gives %d", code)
	}
}

func TestLogsComeFromTheJournalAndFollow(t *testing.T) {
	t.Parallel()
	s := oneNode.On(t)
	n := s.Node(t, "n1")
	r := s.Cast(t, n, s.ActorApp("chronicler"))
	r.Reaches(units.StateHealthy)
	ctx, cancel := context.WithTimeout(t.Context(), stage.Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL("/v1/logs?follow=true&unit="+r.ID.String()), nil)
	if err != nil {
		t.Fatal(err)
	}
	rsp, err := s.HTTP.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer rsp.Body.Close()
	lines := bufio.NewScanner(rsp.Body)
	// until reads on to a line that holds the text.
	until := func(text string) {
		t.Helper()
		for lines.Scan() {
			var line struct {
				Text, Unit, Node string
				Time             int64
			}
			if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
				t.Fatalf("line %q: %v", lines.Text(), err)
			}
			if line.Unit != r.ID.String() || line.Node != "n1" || line.Time == 0 {
				t.Errorf("line is %+v", line)
			}
			if strings.Contains(line.Text, text) {
				return
			}
		}
		t.Fatalf("the log ended before it said %q: %v", text, lines.Err())
	}
	until("actor plays " + r.ID.String())
	_, _ = s.Ask(t.Context(), "POST", r.URL("/exit?code=3")) // it dies while it answers
	until("leaving with 3")
	if st := r.Reaches(units.StateFailed); st.ExitCode != 3 {
		t.Errorf("it failed with %+v", st)
	}
	if log := r.Log(); !strings.Contains(log, fmt.Sprintf("actor plays %s", r.ID)) {
		t.Errorf("its log is gone with it: %s", log)
	}
}
