package units_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/units"
)

func TestFieldsWithoutABehaviourAreNamedAtTheirLeaves(t *testing.T) {
	for _, c := range []struct {
		name    string
		replace map[string]string
		want    []string
	}{
		{"defaults are never named", nil, nil},
		{"what is supported", map[string]string{
			"namespace": `"a"`, "owner": `"a"`, "labels": `{"a":"b"}`, "type": `"service"`, "count": "2", "priority": "10", "env": `{"singleton":"1"}`,
			"resources": `{"cpu":"1","cpuMax":"2","memory":"1Gi","memoryMax":"2Gi","disk":"1G"}`, "ports": `[{"name":"a"}]`,
			"constraints": `[{"operator":"distinct_hosts"}]`, "algorithm": `"spread"`, "healthChecks": `{"http":[{"port":"a"}],"tcp":[{"port":"a"}]}`,
			"stop": `{"signal":"SIGINT"}`, "restart": `{"attempts":0}`, "reschedule": `{"attempts":3}`, "dns": `[{"name":"a.example.org","provider":"cloudflare"}]`,
			"disconnect": `{"onPartition":"stop","lostAfter":"1m","reconcile":"keepReplacement"}`,
			"meta":       `{"a":"b"}`, "cache": `{"url":"https://a"}`, "$schema": `"x"`, "schema": "1",
		}, nil},
		{"a singleton", map[string]string{"singleton": "true", "count": "1"}, nil},
		{"a system app", map[string]string{"type": `"system"`}, nil},
		{"a default that is written", map[string]string{"readiness": `"exec"`, "preemption": "true"}, []string{"preemption: not supported yet", "readiness: not supported yet"}},
		{"a field's own fields", map[string]string{"update": `{"maxParallel":2,"order":"surge"}`, "sandbox": `{"capabilities":["CAP_NET_RAW"],"allowJIT":true}`}, []string{
			"sandbox.capabilities: not supported yet", "sandbox.allowJIT: not supported yet",
			"update.maxParallel: not supported yet", "update.order: not supported yet",
		}},
		{"an empty field", map[string]string{"sandbox": "{}", "affinities": "[]"}, []string{"affinities: not supported yet", "sandbox: not supported yet"}},
		{"elements of a list", map[string]string{"secrets": `[{"name":"a"},{"name":"b","as":"c"}]`, "state": `["a","b"]`}, []string{
			"secrets[0].name: not supported yet", "secrets[1].name: not supported yet", "secrets[1].as: not supported yet", "state: not supported yet",
		}},
		{"one kind of check", map[string]string{"healthChecks": `{"systemd":[{"units":["a.service"]}],"tcp":[]}`}, []string{"healthChecks.systemd[0].units: not supported yet"}},
		{"a device", map[string]string{"resources": `{"cpu":"1","devices":{"gpu":1}}`}, []string{"resources.devices.gpu: not supported yet"}},
		{"a batch app", map[string]string{"type": `"batch"`, "periodic": `{"cron":"* * * * *"}`}, []string{"periodic.cron: not supported yet", "type: not supported yet"}},
		{"a provider", map[string]string{"dns": `[{"name":"a.example.org"},{"name":"b.example.org","provider":"rfc2136"}]`}, []string{"dns[1].provider: not supported yet"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := units.ReadApp(document(t, c.replace))
			if d.Problems != nil {
				t.Fatalf("problems:\n%v", d.Problems)
			}
			if diff := cmp.Diff(c.want, lines(d.Err())); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

func TestEveryGroupOfTheTableThatIsNotSupportedYetIsStillValidated(t *testing.T) {
	d := units.ReadApp(document(t, map[string]string{"update": `{"canary":-1}`, "pool": `"A"`}))
	if len(d.Problems) != 2 || len(d.NotSupported) != 2 || len(lines(d.Err())) != 4 {
		t.Fatalf("problems %v\nnot supported %v", d.Problems, d.NotSupported)
	}
}
