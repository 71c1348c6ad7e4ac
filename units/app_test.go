package units_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/units"
)

func TestTheSmallestAppGetsEveryDefault(t *testing.T) {
	want := units.App{
		Schema: 1, Name: "hello", Namespace: "default", Type: units.TypeService, Priority: 50, Path: somePath,
		Command:      []string{"bin/hello"},
		Resources:    units.Resources{CPU: 100, Memory: 128 << 20, MemoryMax: 128 << 20},
		Preemption:   true,
		CheckRestart: units.CheckRestart{Grace: 30 * time.Second},
		Readiness:    units.ReadyExec,
		Stop:         units.Stop{Signal: "SIGTERM", Timeout: 10 * time.Second},
		Update: units.Update{
			MaxParallel: 1, MinHealthyTime: 10 * time.Second, HealthyDeadline: 5 * time.Minute,
			ProgressDeadline: 10 * time.Minute, AutoRevert: true, Order: units.OrderSurge,
		},
		Restart:    units.Restart{Attempts: 2, Interval: 30 * time.Minute, Delay: 15 * time.Second},
		Reschedule: units.Reschedule{Delay: 30 * time.Second, Function: units.DelayExponential, MaxDelay: time.Hour},
		Disconnect: units.Disconnect{OnPartition: units.PartitionKeep, Reconcile: units.KeepOriginal},
		Sandbox:    units.Sandbox{Network: true},
	}
	if diff := cmp.Diff(want, mustParse(t, document(t, nil))); diff != "" {
		t.Fatal(diff)
	}
}

func TestDefaultsOfParts(t *testing.T) {
	app := mustParse(t, document(t, map[string]string{
		"ports":        `[{"name":"http"}]`,
		"resources":    `{"memory":"1Gi"}`,
		"healthChecks": `{"http":[{"port":"http"},{"url":"https://${address}:${port.http}/x"}],"tcp":[{"port":"http"}],"command":[{"name":"c","command":["bin/c"]}],"systemd":[{"units":["a.service"]}]}`,
		"dns":          `[{"name":"hello.example.org."}]`,
		"secrets":      `[{"name":"token"}]`,
		"constraints":  `[{"attribute":"node.arch","value":"x86_64-linux"}]`,
		"affinities":   `[{"attribute":"labels.zone","value":"a"}]`,
		"spread":       `[{"attribute":"labels.zone"}]`,
		"templates":    `[{"source":"etc/a","destination":"a"}]`,
	}))
	once := units.Thresholds{PassAfter: 1, FailAfter: 3}
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"a port is tcp and dynamic", app.Ports, []units.Port{{Name: "http", Protocol: units.TCP}}},
		{"memoryMax is memory", app.Resources, units.Resources{CPU: 100, Memory: 1 << 30, MemoryMax: 1 << 30}},
		{"checks have their own thresholds and times", app.HealthChecks, units.HealthChecks{
			Systemd: []units.SystemdCheck{{Units: []string{"a.service"}, Thresholds: once}},
			HTTP: []units.HTTPCheck{
				{Port: "http", Path: "/", Method: "GET", ExpectedStatus: 200, Interval: 5 * time.Second, Timeout: 3 * time.Second, Thresholds: once},
				{URL: "https://${address}:${port.http}/x", Method: "GET", ExpectedStatus: 200, Interval: 5 * time.Second, Timeout: 3 * time.Second, Thresholds: once},
			},
			TCP:     []units.TCPCheck{{Port: "http", Interval: 5 * time.Second, Timeout: 3 * time.Second, Thresholds: once}},
			Command: []units.CommandCheck{{Name: "c", Command: []string{"bin/c"}, Interval: 10 * time.Second, Timeout: 5 * time.Second, Thresholds: once}},
		}},
		{"a record is an A record of CoreDNS without the final dot", app.DNS, []units.DNSRecord{{Name: "hello.example.org", Type: "A", TTL: 60, Provider: "coredns"}}},
		{"a secret's file is called as the secret", app.Secrets, []units.Secret{{Name: "token", As: "token"}}},
		{"a constraint compares for equality", app.Constraints, []units.Constraint{{Attribute: "node.arch", Operator: "=", Value: "x86_64-linux"}}},
		{"an affinity weighs 50", app.Affinities, []units.Affinity{{Constraint: units.Constraint{Attribute: "labels.zone", Operator: "=", Value: "a"}, Weight: 50}}},
		{"a spread weighs 50", app.Spread, []units.Spread{{Attribute: "labels.zone", Weight: 50}}},
		{"a template restarts", app.Templates, []units.Template{{Source: "etc/a", Destination: "a", OnChange: units.ChangeRestart}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.got); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

func TestASingletonStopsFirstByDefault(t *testing.T) {
	app := mustParse(t, document(t, map[string]string{"singleton": "true"}))
	if app.Update.Order != units.OrderStopFirst {
		t.Fatalf("order is %q", app.Update.Order)
	}
}

func TestABatchAppHasItsDefaults(t *testing.T) {
	app := mustParse(t, document(t, map[string]string{"type": `"batch"`, "periodic": `{"cron":"*/5 * * * *"}`}))
	if app.Batch == nil || app.Periodic.TimeZone != "UTC" {
		t.Fatalf("batch %v, periodic %v", app.Batch, app.Periodic)
	}
}

func TestCountIsToldFromNoCount(t *testing.T) {
	for text, want := range map[string]int{"": 7, "0": 0, "1": 1, "100000": 100_000} {
		app := mustParse(t, document(t, map[string]string{"count": text}))
		if got := app.CountOr(7); got != want || (app.Count == nil) != (text == "") {
			t.Errorf("count %q is %v", text, app.Count)
		}
	}
}

func TestPathForASystem(t *testing.T) {
	other := "/nix/store/" + hash + "-other"
	single := mustParse(t, document(t, nil))
	many := mustParse(t, document(t, map[string]string{"path": "", "paths": `{"aarch64-linux":"` + other + `"}`}))
	for _, c := range []struct {
		name, system string
		app          units.App
		want         units.StorePath
	}{
		{"a single path is for every system", "aarch64-linux", single, somePath},
		{"one of many is for its own", "aarch64-linux", many, units.StorePath(other)},
		{"and for no other", "x86_64-linux", many, ""},
	} {
		if got, ok := c.app.PathFor(c.system); got != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q, %v", c.name, got, ok)
		}
	}
}

func TestResourcesTakeCapacity(t *testing.T) {
	r := units.Resources{CPU: 250, CPUMax: 900, Memory: 5, MemoryMax: 6, Disk: 7, Devices: map[string]int{"gpu": 1}}
	want := units.Capacity{CPUMilli: 250, MemoryBytes: 5, DiskBytes: 7, Devices: map[string]int64{"gpu": 1}}
	if diff := cmp.Diff(want, r.Capacity()); diff != "" {
		t.Fatal(diff)
	}
}

func TestPortVariable(t *testing.T) {
	if got := units.PortVariable("http-alt"); got != "NSCHED_PORT_HTTP_ALT" {
		t.Fatal(got)
	}
}

func TestRescheduleDelaysGrow(t *testing.T) {
	three := 3
	for _, c := range []struct {
		name string
		r    units.Reschedule
		want []time.Duration // after 1, 2, 3 … failures, in seconds; -1 for no further attempt
	}{
		{"exponential", units.Reschedule{Delay: 30, Function: units.DelayExponential, MaxDelay: 200}, []time.Duration{30, 60, 120, 200, 200}},
		{"constant", units.Reschedule{Delay: 30, Function: units.DelayConstant, MaxDelay: 200}, []time.Duration{30, 30, 30}},
		{"fibonacci", units.Reschedule{Delay: 10, Function: units.DelayFibonacci, MaxDelay: 60}, []time.Duration{10, 10, 20, 30, 50, 60, 60}},
		{"limited", units.Reschedule{Delay: 10, Function: units.DelayConstant, MaxDelay: 10, Attempts: &three}, []time.Duration{10, 10, 10, -1}},
		{"a delay above its limit", units.Reschedule{Delay: 50, Function: units.DelayConstant, MaxDelay: 10}, []time.Duration{10, 10}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if delay, again := c.r.After(0); delay != 0 || !again {
				t.Errorf("without a failure: %d, %v", delay, again)
			}
			for i, want := range c.want {
				delay, again := c.r.After(i + 1)
				if again != (want >= 0) || again && delay != want {
					t.Errorf("after %d: %d, %v; want %d", i+1, delay, again, want)
				}
			}
		})
	}
	long := units.Reschedule{Delay: 1, Function: units.DelayExponential, MaxDelay: units.DurationLimit}
	if delay, _ := long.After(1 << 40); delay != units.DurationLimit {
		t.Errorf("after very many failures: %s", delay)
	}
}
