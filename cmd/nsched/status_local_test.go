package main

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/node"
	"github.com/nsched/nsched/units"
)

// cutOff is a node's word of itself.
func cutOff(t *testing.T, off bool) node.Overview {
	t.Helper()
	o := node.Overview{Node: "n1"}
	if off {
		o.CutOff = &node.CutOff{Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Reason: "the registry does not answer", Running: 2}
	}
	for _, name := range []string{"default.hello.0.1.1", "default.other.0.1.1", "prod.hello.0.1.1"} {
		id, err := units.ParseUnitID(name)
		if err != nil {
			t.Fatal(err)
		}
		o.Units = append(o.Units, node.UnitOverview{ID: id, Status: units.Status{State: units.StateRunning}})
	}
	o.Units[1].Status = units.Status{State: units.StateFailed, Reason: units.Reason{Code: units.ReasonFenced, Message: "it was bound"}}
	return o
}

func TestStatusOfAMachineThatIsCutOffIsItsOwnNodesWord(t *testing.T) {
	t.Setenv("NSCHED_ENDPOINTS", "http://127.0.0.1:9")
	serve := func(t *testing.T, off bool) {
		server := httptest.NewServer(node.API{Overview: func() node.Overview { return cutOff(t, off) }}.Handler())
		t.Cleanup(server.Close)
		t.Setenv("NSCHED_API_LISTEN", strings.TrimPrefix(server.URL, "http://"))
	}
	t.Run("it says since when and why, and shows the units of the namespace", func(t *testing.T) {
		serve(t, true)
		got := nsched(t, "", "status")
		for _, line := range []string{
			"etcd cannot be reached",
			"this machine, node n1, is cut off from the cluster since 2026-01-02T03:04:05Z: the registry does not answer\n",
			"2 units run on here; what follows is this node's own word\n",
		} {
			if !strings.Contains(got.errs, line) {
				t.Errorf("%q is not said: %s", line, got.errs)
			}
		}
		want := "UNIT     STATE    HEALTH  REASON\nhello:0  running  -       -\nother:0  failed   -       fenced: it was bound\n"
		if diff := cmp.Diff(want, got.out); diff != "" || got.code != exitUnreachable {
			t.Errorf("code %d\n%s", got.code, diff)
		}
	})
	t.Run("for programs, and one app", func(t *testing.T) {
		serve(t, true)
		got := nsched(t, "", "status", "prod/hello", "-o", "json")
		want := `{
  "node": "n1",
  "cutOff": {
    "since": "2026-01-02T03:04:05Z",
    "reason": "the registry does not answer",
    "running": 2
  },
  "units": [
    {
      "unit": "prod.hello.0.1.1",
      "state": "running"
    }
  ]
}
`
		if diff := cmp.Diff(want, got.out); diff != "" || got.code != exitUnreachable {
			t.Errorf("code %d\n%s", got.code, diff)
		}
	})
	t.Run("also when it was to be watched, and of every namespace", func(t *testing.T) {
		serve(t, true)
		if got := nsched(t, "", "status", "-A", "-w"); got.code != exitUnreachable || strings.Count(got.out, "running") != 2 {
			t.Errorf("code %d: %s", got.code, got.out)
		}
	})
	t.Run("a node that is in touch says that the flags are wrong", func(t *testing.T) {
		serve(t, false)
		got := nsched(t, "", "status")
		if got.code != exitUnreachable || got.out != "" || !strings.Contains(got.errs, "the node of this machine, n1, is in touch with the cluster") {
			t.Errorf("code %d: %s%s", got.code, got.out, got.errs)
		}
	})
	t.Run("without a node there is nothing but the error", func(t *testing.T) {
		t.Setenv("NSCHED_API_LISTEN", "127.0.0.1:9")
		got := nsched(t, "", "status")
		if got.code != exitUnreachable || got.out != "" || strings.Count(got.errs, "\n") != 1 {
			t.Errorf("code %d: %s%s", got.code, got.out, got.errs)
		}
	})
}

func TestStatusAsksTheNodeOfThisMachineOverTLSByItsOwnCertificate(t *testing.T) {
	t.Setenv("NSCHED_ENDPOINTS", "http://127.0.0.1:9")
	server := httptest.NewTLSServer(node.API{Overview: func() node.Overview { return cutOff(t, true) }}.Handler())
	t.Cleanup(server.Close)
	dir := t.TempDir()
	own := filepath.Join(dir, "own.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(own, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NSCHED_API_LISTEN", strings.TrimPrefix(server.URL, "https://"))
	t.Setenv("NSCHED_API_TLS_CERT", own)
	t.Setenv("NSCHED_API_TLS_KEY", own) // it is not read here
	if got := nsched(t, "", "status"); got.code != exitUnreachable || !strings.Contains(got.out, "hello:0") {
		t.Errorf("code %d: %s%s", got.code, got.out, got.errs)
	}

	// Whoever shows another certificate than the file holds is not this machine's node.
	if err := os.WriteFile(own, []byte(strings.Replace(string(certificate), "M", "N", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := nsched(t, "", "status"); got.code != exitUnreachable || got.out != "" {
		t.Errorf("a stranger was believed: %s", got.out)
	}
}
