package units_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/units"
)

// invalid is one wrong document: the fields that are wrong, and what is said about them. Each is also in
// the corpus that the schema is tested with.
var invalid = []struct {
	name    string
	replace map[string]string
	want    []string
}{
	{"no name", map[string]string{"name": ""}, []string{"name: is missing; it is required"}},
	{"an empty name", map[string]string{"name": `""`}, []string{`name: "": it is empty`}},
	{"a name with a dot", map[string]string{"name": `"a.b"`}, []string{`name: "a.b": use a-z, 0-9 and - only`}},
	{"a name with a slash", map[string]string{"name": `"a/b"`}, []string{`name: "a/b": use a-z, 0-9 and - only`}},
	{"a name in upper case", map[string]string{"name": `"Hello"`}, []string{`name: "Hello": write it in lower case`}},
	{"a name of 300 characters", map[string]string{"name": `"` + strings.Repeat("a", 300) + `"`}, []string{`name: "` + strings.Repeat("a", 80) + `"… (300 bytes): it is longer than 63 characters`}},
	{"a name that is a number", map[string]string{"name": `5`}, []string{"name: a string is due here, not a number; write it in double quotes"}},
	{"a namespace with a dot", map[string]string{"namespace": `"a.b"`}, []string{`namespace: "a.b": use a-z, 0-9 and - only`}},
	{"a schema of the future", map[string]string{"schema": `2`}, []string{"schema: 2 is newer than this nsched, which knows 1; upgrade it"}},
	{"a schema of no time", map[string]string{"schema": `0`}, []string{"schema: 0 is out of range; it is 1 to 1"}},
	{"an owner of 255 characters", map[string]string{"owner": `"` + strings.Repeat("é", 255) + `"`}, []string{`owner: "` + strings.Repeat("é", 40) + `"… (510 bytes) is longer than 254 characters`}},
	{"an owner that cannot be printed", map[string]string{"owner": `"a\u200bb"`}, []string{`owner: "a\u200bb": it has a character that cannot be printed`}},
	{"a label with a comma", map[string]string{"labels": `{"a,b":"c"}`}, []string{`labels["a,b"]: a key has letters, digits and . _ / - only`}},
	{"a label's number", map[string]string{"labels": `{"a":1}`}, []string{"labels.a: a string is due here, not a number; write it in double quotes"}},
	{"a system app whose units systemd could not name", map[string]string{"type": `"system"`, "name": `"` + strings.Repeat("a", 50) + `"`, "namespace": `"` + strings.Repeat("b", 50) + `"`}, []string{
		"name: has 100 characters together with the namespace; a system app may have 99, for the node's name goes into the name of its unit as well",
	}},
	{"a namespace of dashes", map[string]string{"namespace": `"a` + strings.Repeat("-", 61) + `b"`}, []string{
		"namespace: has too many dashes: systemd's name of its slice, in which a dash takes 4 bytes, has 259 bytes, and 255 are allowed",
	}},
	{"an unknown type", map[string]string{"type": `"daemon"`}, []string{`type: "daemon" is not known here; it is service, system or batch`}},
	{"a count below zero", map[string]string{"count": `-1`}, []string{"count: -1 is out of range; it is 0 to 100000"}},
	{"a count too large", map[string]string{"count": `100001`}, []string{"count: 100001 is out of range; it is 0 to 100000"}},
	{"a count in quotes", map[string]string{"count": `"3"`}, []string{"count: a number is due here, not a string; write it without quotes"}},
	{"a count of a system app", map[string]string{"type": `"system"`, "count": `1`}, []string{"count: a system app has no count: it has one unit on every fitting node"}},
	{"two of a singleton", map[string]string{"singleton": `true`, "count": `2`}, []string{"count: a singleton has a count of 1"}},
	{"a singleton on every node", map[string]string{"singleton": `true`, "type": `"system"`}, []string{"singleton: is for type service alone"}},
	{"a singleton that surges", map[string]string{"singleton": `true`, "update": `{"order":"surge"}`}, []string{"update.order: a singleton stops before it starts again: stopFirst"}},
	{"a singleton with a canary", map[string]string{"singleton": `true`, "update": `{"canary":1}`}, []string{"update.canary: a singleton has no canary, which would be a second unit"}},
	{"true in quotes", map[string]string{"singleton": `"true"`}, []string{"singleton: true or false is due here, not a string; write true or false without quotes"}},
	{"a priority of zero", map[string]string{"priority": `0`}, []string{"priority: 0 is out of range; it is 1 to 100"}},

	{"no path", map[string]string{"path": ""}, []string{"path: is missing; give the store path to run, or paths by system"}},
	{"path and paths", map[string]string{"paths": `{"x86_64-linux":"` + somePath + `"}`}, []string{"paths: stands beside path; give one of them"}},
	{"no paths", map[string]string{"path": "", "paths": `{}`}, []string{"paths: is empty; it needs 1 or more"}},
	{"paths of an unknown system", map[string]string{"path": "", "paths": `{"amd64":"` + somePath + `"}`}, []string{"paths.amd64: is no Nix system; it is " + systemList}},
	{"an unresolved link", map[string]string{"path": `"./result"`}, []string{`path: "./result": it is not a store path: write /nix/store/<hash>-<name>, or a link to such a path`}},
	{"an empty path", map[string]string{"path": `""`}, []string{`path: "": it is not a store path: write /nix/store/<hash>-<name>, or a link to such a path`}},
	{"a file in a store path", map[string]string{"path": `"` + somePath + `/bin/hello"`}, []string{`path: "` + somePath + `/bin/hello": it is not a store path: name the path itself, not a file beneath it`}},
	{"a derivation", map[string]string{"path": `"` + somePath + `.drv"`}, []string{`path: "` + somePath + `.drv": it is not a store path: it is a derivation: submit what it builds`}},
	{"a store path cleaned by nobody", map[string]string{"path": `"/nix/store/../store/x"`}, []string{`path: "/nix/store/../store/x": it is not a store path: name the path itself, not a file beneath it`}},

	{"no command", map[string]string{"command": ""}, []string{"command: is missing; it is required"}},
	{"an empty command", map[string]string{"command": `[]`}, []string{"command: is empty; it needs 1 or more"}},
	{"a command in one string", map[string]string{"command": `"bin/hello -v"`}, []string{"command: a list is due here, not a string"}},
	{"an empty executable", map[string]string{"command": `[""]`}, []string{`command[0]: "": the executable is missing; name it relative to the path, such as bin/hello`}},
	{"an absolute executable", map[string]string{"command": `["/bin/sh"]`}, []string{`command[0]: "/bin/sh": it is absolute; name it relative to the path, such as bin/hello`}},
	{"an executable outside", map[string]string{"command": `["bin/../../x"]`}, []string{`command[0]: "bin/../../x": it leaves its directory with ..`}},
	{"an executable that is a directory", map[string]string{"command": `["bin/"]`}, []string{`command[0]: "bin/": it is a directory; name a file`}},
	{"an executable with a newline", map[string]string{"command": `["bin/a\n"]`}, []string{`command[0]: "bin/a\n": an executable has no tab or newline`}},
	{"an executable in a directory of the unit's", map[string]string{"command": `["${dir.runtime}/a"]`}, []string{"command[0]: ${dir.runtime} would lead out of the path"}},
	{"an argument the kernel refuses", map[string]string{"command": `["bin/a","` + strings.Repeat("x", 131072) + `"]`}, []string{"command[1]: has 131072 bytes; the kernel takes 131071"}},
	{"a lone dollar", map[string]string{"command": `["bin/a","cost: 5$"]`}, []string{"command[1]: a lone $ is not a variable; write $$ for a dollar sign"}},
	{"a shell's variable", map[string]string{"command": `["bin/a","$HOME"]`}, []string{"command[1]: a lone $ is not a variable; write $$ for a dollar sign"}},
	{"an unclosed variable", map[string]string{"command": `["bin/a","${address"]`}, []string{"command[1]: a lone $ is not a variable; write $$ for a dollar sign"}},
	{"an unknown variable", map[string]string{"command": `["bin/a","${HOME}"]`}, []string{`command[1]: "${HOME}" is not a variable; there are ${port.NAME}, ${address}, ${node.name}, ${unit.id}, ${unit.index}, ${app.name}, ${app.namespace}, ${app.generation}, ${dir.state}, ${dir.runtime} or ${dir.credentials}`}},
	{"a port that is not there", map[string]string{"command": `["bin/a","${port.http}"]`}, []string{`command[1]: ${port.http}: the app has no port "http"`}},
	{"a state that is not there", map[string]string{"env": `{"A":"${dir.state}"}`}, []string{"env.A: ${dir.state}: the app has no state; name a directory there"}},
	{"credentials that are not there", map[string]string{"env": `{"A":"${dir.credentials}"}`}, []string{"env.A: ${dir.credentials}: the app has no secrets"}},

	{"a variable with a dash", map[string]string{"env": `{"A-B":"1"}`}, []string{"env.A-B: a variable's name has letters, digits and _ only, and begins with no digit"}},
	{"a variable without a name", map[string]string{"env": `{"":"1"}`}, []string{`env[""]: a variable's name has letters, digits and _ only, and begins with no digit`}},
	{"a variable with an equals sign", map[string]string{"env": `{"A=B":"1"}`}, []string{`env["A=B"]: a variable's name has letters, digits and _ only, and begins with no digit`}},
	{"reserved variables", map[string]string{"env": `{"INVOCATION_ID":"","JOURNAL_STREAM":"","LD_PRELOAD":"","LISTEN_FDS":"","MAINPID":"","NOTIFY_SOCKET":"","NSCHED_X":"","STATE_DIRECTORY":"","WATCHDOG_USEC":""}`}, []string{
		"env.INVOCATION_ID: is reserved (INVOCATION_ID); choose another name", "env.JOURNAL_STREAM: is reserved (JOURNAL_STREAM); choose another name",
		"env.LD_PRELOAD: is reserved (LD_*); choose another name", "env.LISTEN_FDS: is reserved (LISTEN_*); choose another name",
		"env.MAINPID: is reserved (MAINPID); choose another name", "env.NOTIFY_SOCKET: is reserved (NOTIFY_SOCKET); choose another name",
		"env.NSCHED_X: is reserved (NSCHED_*); choose another name", "env.STATE_DIRECTORY: is reserved (*_DIRECTORY); choose another name",
		"env.WATCHDOG_USEC: is reserved (WATCHDOG_*); choose another name",
	}},
	{"a variable that is a number", map[string]string{"env": `{"A":1}`}, []string{"env.A: a string is due here, not a number; write it in double quotes"}},
	{"a variable too long", map[string]string{"env": `{"A":"` + strings.Repeat("x", 131070) + `"}`}, []string{"env.A: has 131072 bytes with its name; the kernel takes 131071"}},

	{"memory as a number", map[string]string{"resources": `{"memory":128}`}, []string{`resources.memory: a string is due here, not a number; write it in double quotes, such as "128Mi"`}},
	{"memory of nothing", map[string]string{"resources": `{"memory":"0"}`}, []string{`resources.memory: "0" is too little; it must be above zero`}},
	{"memory below nothing", map[string]string{"resources": `{"memory":"-1Gi"}`}, []string{`resources.memory: "-1Gi" is not a quantity that fits: it is negative`}},
	{"memory beyond 63 bits", map[string]string{"resources": `{"memory":"8Ei"}`}, []string{`resources.memory: "8Ei" is not a quantity that fits: it is more than 9223372036854775807`}},
	{"memory in thousandths", map[string]string{"resources": `{"memory":"100m"}`}, []string{`resources.memory: "100m" is not a quantity that fits: it is finer than the smallest unit (1m of a CPU, 1 byte)`}},
	{"cpu of nothing", map[string]string{"resources": `{"cpu":"0m"}`}, []string{`resources.cpu: "0m" is too little; it must be above zero`}},
	{"less at most than at least", map[string]string{"resources": `{"cpu":"2","cpuMax":"1","memory":"1Gi","memoryMax":"1G"}`}, []string{
		"resources.cpuMax: 1 is less than cpu, which is 2", "resources.memoryMax: 1G is less than memory, which is 1Gi",
	}},
	{"less at most than the default", map[string]string{"resources": `{"memoryMax":"64Mi"}`}, []string{"resources.memoryMax: 64Mi is less than memory, which is 128Mi"}},
	{"no device", map[string]string{"resources": `{"devices":{"gpu":0}}`}, []string{"resources.devices.gpu: 0 is out of range; it is 1 to 1000"}},

	{"a port without a name", map[string]string{"ports": `[{"port":8080}]`}, []string{"ports[0].name: is missing; it is required"}},
	{"a port of zero", map[string]string{"ports": `[{"name":"a","port":0}]`}, []string{"ports[0].port: 0 is out of range; it is 1 to 65535"}},
	{"a port too large", map[string]string{"ports": `[{"name":"a","port":65536}]`}, []string{"ports[0].port: 65536 is out of range; it is 1 to 65535"}},
	{"a low port", map[string]string{"ports": `[{"name":"a","port":80}]`}, []string{"ports[0].port: 80 is below 1024; that needs sandbox.bindLowPorts"}},
	{"a port's name twice", map[string]string{"ports": `[{"name":"a"},{"name":"a"}]`}, []string{`ports[1].name: "a" is taken by a port before it`}},
	{"a port's number twice", map[string]string{"ports": `[{"name":"a","port":8080},{"name":"b","port":8080}]`}, []string{`ports[1].port: 8080/tcp is taken by port "a"`}},
	{"an unknown protocol", map[string]string{"ports": `[{"name":"a","protocol":"sctp"}]`}, []string{`ports[0].protocol: "sctp" is not known here; it is tcp or udp`}},
	{"ports without a network", map[string]string{"ports": `[{"name":"a"}]`, "sandbox": `{"network":false}`}, []string{"sandbox.network: is false, and the app has ports"}},

	{"an unknown attribute", map[string]string{"constraints": `[{"attribute":"node.cpu","value":"a"}]`}, []string{`constraints[0].attribute: "node.cpu": no node has it; it is node.name, node.arch, node.os, node.kernel, node.pool, node.traits or labels.KEY`}},
	{"an unknown operator", map[string]string{"constraints": `[{"attribute":"node.os","operator":"==","value":"a"}]`}, []string{`constraints[0].operator: "==" is not known here; it is =, !=, >, >=, <, <=, regexp, version, semver, set_contains, set_contains_any, is_set, is_not_set, distinct_hosts or distinct_property`}},
	{"no value", map[string]string{"constraints": `[{"attribute":"node.os"}]`}, []string{"constraints[0].value: is missing; = compares with it"}},
	{"no attribute", map[string]string{"constraints": `[{"operator":"is_set"}]`}, []string{"constraints[0].attribute: is missing; is_set compares an attribute of the node"}},
	{"a value too many", map[string]string{"constraints": `[{"attribute":"node.os","operator":"is_set","value":"x"}]`}, []string{"constraints[0].value: is_set has none"}},
	{"a broken regular expression", map[string]string{"constraints": `[{"attribute":"node.os","operator":"regexp","value":"("}]`}, []string{`constraints[0].value: "(" is not a regular expression: missing closing ) at "("`}},
	{"a broken version", map[string]string{"constraints": `[{"attribute":"node.kernel","operator":"version","value":">= six"}]`}, []string{`constraints[0].value: ">= six" is not a version condition; write such as ">= 1.2.0, < 2.0.0"`}},
	{"a version that is not semver", map[string]string{"constraints": `[{"attribute":"node.kernel","operator":"semver","value":">= 6.1"}]`}, []string{`constraints[0].value: ">= 6.1" is not a version condition; write such as ">= 1.2.0, < 2.0.0"`}},
	{"a set with a hole", map[string]string{"constraints": `[{"attribute":"node.traits","operator":"set_contains","value":"a,,b"}]`}, []string{`constraints[0].value: "a,,b" has an empty element; write a,b,c`}},
	{"distinct hosts by attribute", map[string]string{"constraints": `[{"attribute":"node.name","operator":"distinct_hosts","value":"false"}]`}, []string{
		"constraints[0].attribute: distinct_hosts has none; distinct_property compares one",
		"constraints[0].value: distinct_hosts has none; leave the constraint out to allow equal hosts",
	}},
	{"a property shared by none", map[string]string{"constraints": `[{"attribute":"labels.zone","operator":"distinct_property","value":"0"}]`}, []string{`constraints[0].value: "0" is not how many units may share a value: 1 to 9999`}},
	{"an affinity for distinct hosts", map[string]string{"affinities": `[{"operator":"distinct_hosts"}]`}, []string{"affinities[0].operator: distinct_hosts is for constraints alone"}},
	{"an affinity too strong", map[string]string{"affinities": `[{"attribute":"node.os","value":"x","weight":101}]`}, []string{"affinities[0].weight: 101 is out of range; it is -100 to 100"}},
	{"a spread of more than all", map[string]string{"spread": `[{"attribute":"labels.zone","targets":{"a":60,"b":60}},{"attribute":"labels.zone"}]`}, []string{
		"spread[0].targets: add up to 120 percent", `spread[1].attribute: "labels.zone" is spread over before`,
	}},
	{"an unknown algorithm", map[string]string{"algorithm": `"random"`}, []string{`algorithm: "random" is not known here; it is binpack or spread`}},
	{"needed by a service", map[string]string{"neededBy": `["web"]`}, []string{"neededBy: is for type system alone"}},
	{"needed by the same twice", map[string]string{"type": `"system"`, "neededBy": `["web","web"]`}, []string{`neededBy[1]: "web" stands there before`}},

	{"a check of no port", map[string]string{"healthChecks": `{"http":[{}],"tcp":[{}]}`}, []string{
		"healthChecks.tcp[0].port: is missing; it is required", "healthChecks.http[0].port: is missing; name a port, or give a url",
	}},
	{"a check of an unknown port", map[string]string{"healthChecks": `{"http":[{"port":"x"}],"tcp":[{"port":"y"}]}`}, []string{
		`healthChecks.http[0].port: the app has no port "x"`, `healthChecks.tcp[0].port: the app has no port "y"`,
	}},
	{"a check of a udp port", map[string]string{"ports": `[{"name":"a","protocol":"udp"}]`, "healthChecks": `{"tcp":[{"port":"a"}]}`}, []string{`healthChecks.tcp[0].port: port "a" is udp; this check needs tcp`}},
	{"a check of port and url", map[string]string{"ports": `[{"name":"a"}]`, "healthChecks": `{"http":[{"port":"a","url":"http://x/"}]}`}, []string{"healthChecks.http[0].url: stands beside port; give one of them"}},
	{"a check of url and path", map[string]string{"healthChecks": `{"http":[{"url":"http://x/","path":"/y"}]}`}, []string{"healthChecks.http[0].path: stands beside url; put it into the url"}},
	{"a check of a file", map[string]string{"healthChecks": `{"http":[{"url":"file:///etc/passwd"}]}`}, []string{`healthChecks.http[0].url: "file:///etc/passwd": write it with http:// or https://`}},
	{"a check with a password", map[string]string{"healthChecks": `{"http":[{"url":"http://a:b@c/"}]}`}, []string{`healthChecks.http[0].url: "http://a:b@c/": put credentials into headers`}},
	{"a check of no host", map[string]string{"healthChecks": `{"http":[{"url":"http:///x"},{"url":"http://a:99999/"},{"url":"http://a:/"}]}`}, []string{
		`healthChecks.http[0].url: "http:///x": its host and port are not HOST or HOST:PORT`,
		`healthChecks.http[1].url: "http://a:99999/": its host and port are not HOST or HOST:PORT`,
		`healthChecks.http[2].url: "http://a:/": its host and port are not HOST or HOST:PORT`,
	}},
	{"a check of a relative path", map[string]string{"ports": `[{"name":"a"}]`, "healthChecks": `{"http":[{"port":"a","path":"x"},{"port":"a","path":"/a b"},{"port":"a","path":"/a#b"}]}`}, []string{
		`healthChecks.http[0].path: "x": begin it with /`, `healthChecks.http[1].path: "/a b": a URL has no " "; write it as %XX`,
		`healthChecks.http[2].path: "/a#b": a fragment is never sent; remove what begins with #`,
	}},
	{"a check with an unknown method", map[string]string{"ports": `[{"name":"a"}]`, "healthChecks": `{"http":[{"port":"a","method":"get"}]}`}, []string{`healthChecks.http[0].method: "get" is not known here; it is GET, HEAD, OPTIONS, POST or PUT`}},
	{"a check with bad headers", map[string]string{"ports": `[{"name":"a"}]`, "healthChecks": `{"http":[{"port":"a","headers":{"A":"1","a":"2"}},{"port":"a","headers":{"a b":"1"}}]}`}, []string{
		`healthChecks.http[1].headers["a b"]: is no name of a header`, "healthChecks.http[0].headers.a: the header stands there in another case",
	}},
	{"a check with a newline in a header", map[string]string{"ports": `[{"name":"a"}]`, "healthChecks": `{"http":[{"port":"a","headers":{"A":"1\nB: 2"}}]}`}, []string{"healthChecks.http[0].headers.A: has a control character (0xa)"}},
	{"a check without a pause", map[string]string{"ports": `[{"name":"a"}]`, "healthChecks": `{"tcp":[{"port":"a","interval":"0s","timeout":"1","passAfter":0}]}`}, []string{
		`healthChecks.tcp[0].interval: "0s" is too little; it must be above zero`,
		`healthChecks.tcp[0].timeout: "1" is not a duration; write it as 500ms, 10s, 5m or 1h30m`,
		"healthChecks.tcp[0].passAfter: 0 is out of range; it is 1 to 1000",
	}},
	{"two checks of one name", map[string]string{"healthChecks": `{"command":[{"name":"a","command":["x"]},{"name":"a","command":["/x"]}]}`}, []string{
		`healthChecks.command[1].name: "a" is taken by a check before it`, `healthChecks.command[1].command[0]: "/x": it is absolute; name it relative to the path, such as bin/hello`,
	}},
	{"a check of no unit of systemd", map[string]string{"healthChecks": `{"systemd":[{"units":["postgresql","a/b.service","a.b"]}]}`}, []string{
		`healthChecks.systemd[0].units[0]: "postgresql": it is no systemd unit; write it with its type, such as postgresql.service`,
		`healthChecks.systemd[0].units[1]: "a/b.service": it is no systemd unit; use letters, digits and : _ . \ @ - only`,
		`healthChecks.systemd[0].units[2]: "a.b": systemd has no such type of unit; write .service, .socket, .target, .mount, .path or .timer`,
	}},

	{"a duration without a unit", map[string]string{"stop": `{"timeout":"10"}`}, []string{`stop.timeout: "10" is not a duration; write it as 500ms, 10s, 5m or 1h30m`}},
	{"a duration as a number", map[string]string{"stop": `{"timeout":10}`}, []string{`stop.timeout: a string is due here, not a number; write it in double quotes, such as "10s"`}},
	{"a duration in days", map[string]string{"restart": `{"interval":"1d"}`}, []string{`restart.interval: "1d" is not a duration; write it as 500ms, 10s, 5m or 1h30m`}},
	{"a duration below zero", map[string]string{"stop": `{"drainDelay":"-1s"}`}, []string{`stop.drainDelay: "-1s" is not a duration that fits: it is negative`}},
	{"a duration of zero", map[string]string{"stop": `{"timeout":"0s"}`}, []string{`stop.timeout: "0s" is too little; it must be above zero`}},
	{"a duration of a lifetime", map[string]string{"reschedule": `{"maxDelay":"1000000h"}`}, []string{`reschedule.maxDelay: "1000000h" is not a duration that fits: it is more than ten years`}},
	{"a signal that stops nothing", map[string]string{"stop": `{"signal":"TERM"}`}, []string{`stop.signal: "TERM" is not known here; it is SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGABRT, SIGALRM, SIGWINCH, SIGCONT or SIGKILL`}},
	{"a delay above its limit", map[string]string{"reschedule": `{"delay":"2h"}`}, []string{"reschedule.maxDelay: 1h is less than delay, which is 2h"}},
	{"deadlines in the wrong order", map[string]string{"update": `{"minHealthyTime":"6m"}`}, []string{"update.healthyDeadline: 5m is not more than minHealthyTime, which is 6m"}},
	{"progress before health", map[string]string{"update": `{"healthyDeadline":"11m"}`}, []string{"update.progressDeadline: 10m is less than healthyDeadline, which is 11m"}},
	{"promotion of no canary", map[string]string{"update": `{"autoPromote":true}`}, []string{"update.autoPromote: promotes canaries, and canary is 0"}},

	{"batch for a service", map[string]string{"batch": `{}`, "periodic": `{"cron":"* * * * *"}`, "parameterised": `{}`}, []string{
		"batch: is for type batch alone", "periodic: is for type batch alone", "parameterised: is for type batch alone",
		"parameterised: stands beside periodic; an app is launched by one of them",
	}},
	{"a cron of six fields", map[string]string{"type": `"batch"`, "periodic": `{"cron":"0 * * * * *"}`}, []string{`periodic.cron: "0 * * * * *": it has 6 fields, not five: minute, hour, day of month, month, day of week`}},
	{"no cron", map[string]string{"type": `"batch"`, "periodic": `{}`}, []string{"periodic.cron: is missing; it is required"}},
	{"the local time zone", map[string]string{"type": `"batch"`, "periodic": `{"cron":"* * * * *","timeZone":"Local"}`}, []string{`periodic.timeZone: "Local": it differs from machine to machine; name the zone`}},
	{"a time zone from elsewhere", map[string]string{"type": `"batch"`, "periodic": `{"cron":"* * * * *","timeZone":"../../etc/passwd"}`}, []string{`periodic.timeZone: "../../etc/passwd": it is no time zone; write UTC or one such as Europe/Berlin`}},
	{"parameters that arrive as one", map[string]string{"type": `"batch"`, "parameterised": `{"required":["key"],"optional":["KEY"]}`}, []string{`parameterised.optional[0]: "KEY" arrives as NSCHED_META_KEY, as one before it does`}},

	{"a record of one label", map[string]string{"dns": `[{"name":"hello"}]`}, []string{`dns[0].name: "hello": it is not fully qualified; write it with its zone, such as hello.example.org`}},
	{"a record with an empty label", map[string]string{"dns": `[{"name":"a..b"}]`}, []string{`dns[0].name: "a..b": its part "": it is empty`}},
	{"a record in upper case", map[string]string{"dns": `[{"name":"A.example.org"}]`}, []string{`dns[0].name: "A.example.org": write it in lower case`}},
	{"a record with a label of 64", map[string]string{"dns": `[{"name":"` + strings.Repeat("a", 64) + `.org"}]`}, []string{`dns[0].name: "` + strings.Repeat("a", 64) + `.org": its part "` + strings.Repeat("a", 64) + `": it is longer than 63 characters`}},
	{"a record of 254 characters", map[string]string{"dns": `[{"name":"` + strings.Repeat("a.", 126) + `aa"}]`}, []string{`dns[0].name: "` + strings.Repeat("a.", 40) + `"… (254 bytes): it is longer than 253 characters`}},
	{"a record for a wildcard", map[string]string{"dns": `[{"name":"*.example.org"}]`}, []string{`dns[0].name: "*.example.org": its part "*": use a-z, 0-9 and - only`}},
	{"a record that is an address", map[string]string{"dns": `[{"name":"10.0.0.1"}]`}, []string{`dns[0].name: "10.0.0.1": its last part, "1", is no domain`}},
	{"a record beside a CNAME", map[string]string{"dns": `[{"name":"a.example.org","type":"CNAME"},{"name":"a.example.org"},{"name":"b.example.org"},{"name":"b.example.org"}]`}, []string{
		`dns[1]: a CNAME has no other record beside it under "a.example.org"`, `dns[3]: A "b.example.org" stands there before`,
	}},
	{"a proxy of CoreDNS", map[string]string{"dns": `[{"name":"a.example.org","proxied":true}]`}, []string{"dns[0].proxied: is for provider cloudflare alone"}},
	{"SRV without a port", map[string]string{"dns": `[{"name":"a.example.org","type":"SRV"}]`}, []string{"dns[0].type: SRV names ports, and the app has none"}},

	{"files outside", map[string]string{"templates": `[{"source":"/etc/a","destination":"../a"}]`}, []string{
		`templates[0].source: "/etc/a": it is absolute; write it relative`, `templates[0].destination: "../a": it leaves its directory with ..`,
	}},
	{"two files in one place", map[string]string{"templates": `[{"source":"a","destination":"x/y"},{"source":"b","destination":"x//./y"}]`}, []string{`templates[1].destination: "x/y" stands there before`}},
	{"a secret with a slash", map[string]string{"secrets": `[{"name":"a/b","as":".."}]`}, []string{
		`secrets[0].name: "a/b": use a file name of printable ASCII without space, / and :`, `secrets[0].as: "..": a file name is due`,
	}},
	{"two secrets in one file", map[string]string{"secrets": `[{"name":"a"},{"name":"b","as":"a"}]`}, []string{`secrets[1].as: "a" stands there before`}},
	{"state outside", map[string]string{"state": `["../a","a","a"]`}, []string{
		`state[0]: "../a": use letters, digits and . _ - only, the first no . or -`, `state[2]: "a" stands there before`,
	}},
	{"volumes where none may be", map[string]string{"volumes": `[{"name":"a","mount":"data"},{"name":"a","mount":"/nix/store"},{"name":"a","mount":"/"},{"name":"a","mount":"/a/../b"}]`}, []string{
		`volumes[0].mount: "data": it is not absolute; begin it with /`, `volumes[1].mount: "/nix/store": /nix is not an app's to have`,
		`volumes[2].mount: "/": it is everything; name a directory`, `volumes[3].mount: "/a/../b": write it clean: no //, no . or .., no final /`,
	}},
	{"a preparation of nothing", map[string]string{"preStart": `["","$x"]`}, []string{
		`preStart[0]: "": the executable is missing; name it relative to the path, such as bin/hello`, "preStart[1]: a lone $ is not a variable; write $$ for a dollar sign",
	}},
	{"a cache of no kind", map[string]string{"cache": `{"url":"ftp://a"}`}, []string{`cache.url: "ftp://a": it is no cache; write https://, http://, s3:// or file:///`}},
	{"a cache with a password", map[string]string{"cache": `{"url":"https://a:b@c"}`}, []string{`cache.url: "https://a:b@c": it holds a password; anyone who reads the app would have it`}},
	{"keys that are none", map[string]string{"cache": `{"url":"https://a","publicKeys":["a","a:b!","a:AAAA"]}`}, []string{
		`cache.publicKeys[0]: "a": it is no public key; write NAME:BASE64, as nix key convert-secret-to-public prints it`,
		`cache.publicKeys[1]: "a:b!": it is no public key; what follows the colon is not base64`,
		`cache.publicKeys[2]: "a:AAAA": it is no public key; 32 bytes are due after the colon`,
	}},
	{"a secret key", map[string]string{"cache": `{"url":"https://a","publicKeys":["a:` + strings.Repeat("A", 86) + `=="]}`}, []string{`cache.publicKeys[0]: "a:` + strings.Repeat("A", 78) + `"… (90 bytes): it is a secret key; put its public half here and make a new pair`}},
	{"a sandbox of no kind", map[string]string{"sandbox": `{"writablePaths":["x"],"capabilities":["CAP_NET_RAW","CAP_NET_RAW"]}`}, []string{
		`sandbox.writablePaths[0]: "x": it is not absolute; begin it with /`, `sandbox.capabilities[1]: "CAP_NET_RAW" stands there before`,
	}},
	{"an unknown capability", map[string]string{"sandbox": `{"capabilities":["NET_RAW"]}`}, []string{
		`sandbox.capabilities[0]: "NET_RAW": it is none of Linux' capabilities, such as CAP_NET_RAW`,
	}},
}

const systemList = "x86_64-linux, aarch64-linux, i686-linux, armv5tel-linux, armv6l-linux, armv7l-linux, loongarch64-linux, " +
	"mips64el-linux, mipsel-linux, powerpc64-linux, powerpc64le-linux, riscv32-linux, riscv64-linux or s390x-linux"

func TestInvalidAppsAreRefusedWithTheirPath(t *testing.T) {
	for _, c := range invalid {
		t.Run(c.name, func(t *testing.T) {
			_, err := units.ParseApp(document(t, c.replace))
			if !errors.Is(err, units.ErrInvalid) {
				t.Fatalf("error %v is not ErrInvalid", err)
			}
			if diff := cmp.Diff(c.want, lines(err)); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

func TestProblemsStayOnTheirLines(t *testing.T) {
	raw, _ := json.Marshal(map[string]any{
		"name": "a\nb\u2028c", "env\nX": 1, "labels": map[string]any{"k\n\u2028": "x"}, "owner": strings.Repeat("😀", 300), "path": "a\x00b",
	})
	var problems units.Problems
	if err := units.ReadApp(raw).Err(); !errors.As(err, &problems) {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.ContainsAny(p.String(), "\n\r\x00\u2028") || len(p.String()) > 600 {
			t.Errorf("not one short line: %q", p)
		}
	}
}
