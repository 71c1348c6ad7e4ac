package node

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
)

// asked is a prober that notes what it was asked for, and says no.
type asked struct{ probes []HTTPProbe }

func (a *asked) HTTP(_ context.Context, p HTTPProbe) error {
	a.probes = append(a.probes, p)
	return context.DeadlineExceeded
}
func (*asked) TCP(context.Context, string) error { return context.DeadlineExceeded }

// checked assigns an app with one check on its port.
func (m *machine) checked(check string, port uint16) units.UnitID {
	m.t.Helper()
	id := m.assign("checked", `{"name":"APP","path":"`+testPath+`","command":["bin/app"],"ports":[{"name":"http"}],"healthChecks":{"http":[`+check+`]},"resources":{"cpu":"100m","memory":"64Mi"}}`, units.DesiredStage)
	m.put(m.keys.Unit("n1", id), units.Assignment{Desired: units.DesiredRun, Tenure: m.place.Tenure, Ports: map[string]uint16{"http": port}})
	return id
}

// A path with a query, or with a variable, was escaped as if it were a bare path and only then filled in:
// "/healthz?unit=${unit.id}" asked for "/healthz%3Funit=$%7Bunit.id%7D", which no service has.
func TestTheCheckOfAPathAsksForItAsItStandsWithItsVariables(t *testing.T) {
	for check, want := range map[string]string{
		`{"port":"http"}`:                                        "http://10.0.0.1:20001/",
		`{"port":"http","path":"/healthz"}`:                      "http://10.0.0.1:20001/healthz",
		`{"port":"http","path":"/healthz/"}`:                     "http://10.0.0.1:20001/healthz/",
		`{"port":"http","path":"/healthz?deep=1&of=a+b"}`:        "http://10.0.0.1:20001/healthz?deep=1&of=a+b",
		`{"port":"http","path":"/a%2Fb/%3f?q=%26"}`:              "http://10.0.0.1:20001/a%2Fb/%3f?q=%26",
		`{"port":"http","path":"/healthz?unit=${unit.id}"}`:      "http://10.0.0.1:20001/healthz?unit=default.checked.0.1.1",
		`{"port":"http","path":"/of/${unit.id}/x"}`:              "http://10.0.0.1:20001/of/default.checked.0.1.1/x",
		`{"port":"http","path":"/${port.http}"}`:                 "http://10.0.0.1:20001/20001",
		`{"url":"http://127.0.0.1:${port.http}/x?u=${unit.id}"}`: "http://127.0.0.1:20001/x?u=default.checked.0.1.1",
	} {
		t.Run(check, func(t *testing.T) {
			m := newMachine(t)
			a := &asked{}
			m.d.o.Prober = a
			m.checked(check, 20001)
			m.Advance(time.Minute)
			if len(a.probes) == 0 || a.probes[0].URL != want {
				t.Errorf("asked for %+v, want %s", a.probes, want)
			}
		})
	}
}

func TestTheCheckOfAPathWithAQueryAndAVariablePassesOverTheNetwork(t *testing.T) {
	var met atomic.Pointer[string]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		met.Store(&r.RequestURI)
		if r.URL.Path != "/healthz" || r.URL.Query().Get("unit") != "default.checked.0.1.1" {
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	_, text, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	m := newMachine(t)
	m.d.o.Prober, m.address = NetProber{}, "127.0.0.1"
	id := m.checked(`{"port":"http","path":"/healthz?unit=${unit.id}"}`, uint16(port))
	m.wantStatus(id, units.StateHealthy, "")
	if uri := met.Load(); uri == nil || *uri != "/healthz?unit=default.checked.0.1.1" {
		t.Errorf("the service was asked for %v", uri)
	}
}
