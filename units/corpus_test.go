package units_test

import (
	"slices"
	"testing"
)

// full uses every field there is.
const full = `{
  "$schema": "./app.schema.json", "schema": 1, "name": "full", "namespace": "prod", "owner": "Zoë, platform", "labels": {"team": "a", "a.b/c": ""},
  "type": "service", "count": 3, "singleton": false, "priority": 70,
  "paths": {"x86_64-linux": "` + somePath + `", "aarch64-linux": "` + somePath + `.1"},
  "command": ["bin/hello", "--listen", "${address}:${port.http}", "a\tb\nc", "$$HOME % ;", ""],
  "env": {"A": "${unit.id} ${unit.index}", "B_2": "${dir.state}/${dir.runtime}/${dir.credentials}", "_": ""},
  "resources": {"cpu": "0.25", "cpuMax": "2", "memory": "64Mi", "memoryMax": "1.5Gi", "disk": "1G", "devices": {"nvidia.com/gpu": 1}},
  "ports": [{"name": "http"}, {"name": "dns", "port": 53, "protocol": "udp"}, {"name": "dns-tcp", "port": 53}],
  "constraints": [
    {"attribute": "node.arch", "value": "x86_64-linux"}, {"attribute": "node.kernel", "operator": "version", "value": ">= 6.1, < 7"},
    {"attribute": "labels.version", "operator": "semver", "value": "> 1.0.0-rc.1"}, {"attribute": "node.name", "operator": "regexp", "value": "^web-[0-9]+$"},
    {"attribute": "node.traits", "operator": "set_contains", "value": "web, server"}, {"attribute": "labels.gpu", "operator": "is_not_set"},
    {"operator": "distinct_hosts"}, {"attribute": "labels.zone", "operator": "distinct_property", "value": "2"}
  ],
  "affinities": [{"attribute": "labels.disk", "value": "ssd", "weight": -10}],
  "spread": [{"attribute": "labels.zone", "weight": 80, "targets": {"a": 70, "b": 0}}],
  "algorithm": "binpack", "pool": "main", "preemption": false,
  "healthChecks": {
    "systemd": [{"units": ["postgresql.service", "a@b\\x2d.socket"], "failAfter": 2}],
    "http": [{"port": "http", "path": "/health?x=${app.generation}", "method": "HEAD", "expectedStatus": 204, "headers": {"X-Unit": "${unit.id}"}, "interval": "1m", "timeout": "1.5s", "passAfter": 2},
      {"url": "https://[::1]:${port.http}/"}, {"url": "http://${address}"}],
    "tcp": [{"port": "dns-tcp"}], "command": [{"name": "own", "command": ["bin/check", "${port.http}"]}]
  },
  "checkRestart": {"limit": 3, "grace": "1h"}, "readiness": "notify", "stop": {"signal": "SIGINT", "timeout": "1m30s", "drainDelay": "0s"},
  "update": {"maxParallel": 2, "canary": 1, "autoPromote": true, "minHealthyTime": "1s", "healthyDeadline": "1m", "progressDeadline": "1m", "autoRevert": false, "confirm": "15m", "order": "stopFirst"},
  "restart": {"attempts": 0, "interval": "100us", "delay": "1ms"}, "reschedule": {"delay": "1s", "function": "fibonacci", "maxDelay": "1s", "attempts": 0},
  "disconnect": {"onPartition": "stop", "lostAfter": "2h", "reconcile": "keepReplacement"},
  "dns": [{"name": "hello.example.org.", "type": "SRV", "ttl": 5, "perUnit": true}, {"name": "hello.example.org", "type": "A", "provider": "cloudflare", "proxied": true}, {"name": "_x._tcp.example.org", "type": "TXT"}],
  "templates": [{"source": "etc/app.conf.tmpl", "destination": "app.conf", "onChange": "reload"}],
  "secrets": [{"name": "token"}, {"name": "db", "as": "password"}], "state": ["data", "_cache.2"],
  "volumes": [{"name": "media", "mount": "/srv/media", "readOnly": true}], "preStart": ["bin/migrate", "${dir.state}"],
  "meta": {"note": "any text"}, "cache": {"url": "https://cache.example.org/x", "publicKeys": ["cache.example.org-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]},
  "sandbox": {"allowJIT": true, "bindLowPorts": true, "network": true, "writablePaths": ["/srv/x"], "capabilities": ["CAP_NET_RAW"], "closureOnly": true}
}`

// corpus returns documents of every kind, valid and not.
func corpus(t testing.TB) [][]byte {
	t.Helper()
	var docs [][]byte
	add := func(replace map[string]string) { docs = append(docs, document(t, replace)) }
	add(nil)
	docs = append(docs, []byte(full))
	add(map[string]string{"type": `"batch"`, "batch": `{"retries":2,"timeout":"1h"}`, "periodic": `{"cron":"*/5 * * * 1-5","timeZone":"Europe/Berlin","overlap":true}`})
	add(map[string]string{"type": `"batch"`, "parameterised": `{"required":["a","b_C"],"optional":["d"]}`})
	add(map[string]string{"type": `"batch"`, "parameterised": `{}`})
	add(map[string]string{"type": `"system"`, "neededBy": `["web","server"]`})
	add(map[string]string{"singleton": "true", "count": "1"})
	add(map[string]string{"count": "0", "resources": `{"memory":".5Gi","cpu":"1e-1","disk":"0"}`})
	for _, c := range invalid {
		add(c.replace)
	}
	return docs
}

func TestTheFullDocumentIsValid(t *testing.T) {
	app := mustParse(t, []byte(full))
	if app.Name != "full" || len(app.HealthChecks.HTTP) != 3 || app.Update.Confirm == 0 {
		t.Fatalf("%+v", app)
	}
}

// seeds is the corpus without its large documents, on which a fuzzer would spend its time.
func seeds(t testing.TB) [][]byte {
	t.Helper()
	return slices.DeleteFunc(corpus(t), func(raw []byte) bool { return len(raw) > 8<<10 })
}
