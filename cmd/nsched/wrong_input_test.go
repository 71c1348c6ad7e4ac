package main

import (
	"strings"
	"testing"

	"github.com/nsched/nsched/units"
)

const (
	helloPath    = units.StorePath("/nix/store/0123456789abcdfghijklmnpqrsvwxyz-hello")
	absentPath   = "/nix/store/zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz-nowhere"
	unsignedPath = units.StorePath("/nix/store/11111111111111111111111111111111-unsigned")
	halfPath     = units.StorePath("/nix/store/22222222222222222222222222222222-half")
)

// wrong is one document that must be refused, and what is said about it.
type wrong struct {
	name string
	doc  string // the whole document, or fields to add to a good one
	args []string
	code int // 0: exitUsage
	says string
}

// good returns a document that is accepted, with fields added.
func good(fields string) string {
	if fields != "" {
		fields = ", " + fields
	}
	return `{"name": "hello", "path": "` + string(helloPath) + `", "command": ["bin/hello"]` + fields + `}`
}

// with returns a good document in which one field says something else.
func with(field, value string) string {
	fields := map[string]string{"name": `"hello"`, "path": `"` + string(helloPath) + `"`, "command": `["bin/hello"]`}
	fields[field] = value
	var parts []string
	for _, key := range sortedKeys(fields) {
		parts = append(parts, `"`+key+`": `+fields[key])
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

var wrongInput = []wrong{
	{name: "an empty file", doc: "", says: "standard input: "},
	{name: "no JSON", doc: "name: hello", says: "standard input: "},
	{name: "a list", doc: "[]", says: "standard input: "},
	{name: "a second document", doc: good("") + "{}", says: "standard input: "},
	{name: "text after the document", doc: good("") + "x", says: "standard input: "},
	{name: "an unfinished document", doc: `{"name": "hello"`, says: "standard input: "},
	{name: "bad UTF-8", doc: good("\"owner\": \"\xff\""), says: "standard input: "},
	{name: "a lone surrogate", doc: good(`"owner": "\ud800"`), says: "standard input: "},
	{name: "a raw control character", doc: good("\"owner\": \"a\x01b\""), says: "standard input: "},
	{name: "an escaped control character", doc: good(`"owner": "a\u0007b"`), says: "owner"},
	{name: "an escaped delete", doc: good(`"owner": "a\u007fb"`), says: "owner"},
	{name: "an unknown key", doc: good(`"replicas": 3`), says: "replicas"},
	{name: "a duplicate key", doc: good(`"owner": "a", "owner": "b"`), says: "owner"},
	{name: "a key in another case", doc: good(`"Owner": "a"`), says: "Owner"},
	{name: "a key that folds to a known one", doc: good(`"updateſ": {}`), says: "update"},
	{name: "null where a value is due", doc: with("name", "null"), says: "name"},
	{name: "too deep nesting", doc: good(`"meta": ` + strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40)), says: "standard input: "},
	{name: "a document beyond 1 MiB", doc: good(`"owner": "` + strings.Repeat("a", 1<<20) + `"`), says: "standard input: "},

	{name: "a number that is too large", doc: good(`"count": 100001`), says: "count"},
	{name: "a negative number", doc: good(`"count": -1`), says: "count"},
	{name: "a fraction", doc: good(`"count": 1.5`), says: "count"},
	{name: "a number with an exponent", doc: good(`"count": 1e2`), says: "count"},
	{name: "a number as text", doc: good(`"count": "3"`), says: "count"},
	{name: "a number beyond 64 bits", doc: good(`"count": 99999999999999999999`), says: "count"},
	{name: "a priority of 0", doc: good(`"priority": 0`), says: "priority"},

	{name: "a name with a dot", doc: with("name", `"a.b"`), says: "name"},
	{name: "a name with a slash", doc: with("name", `"a/b"`), says: "name"},
	{name: "a name in upper case", doc: with("name", `"Hello"`), says: "name"},
	{name: "a name of 300 characters", doc: with("name", `"`+strings.Repeat("a", 300)+`"`), says: "name"},
	{name: "an empty name", doc: with("name", `""`), says: "name"},
	{name: "a name that begins with a dash", doc: with("name", `"-a"`), says: "name"},
	{name: "a namespace with an underscore", doc: good(`"namespace": "a_b"`), says: "namespace"},
	{name: "a namespace that -n contradicts", doc: good(`"namespace": "prod"`), args: []string{"-n", "staging"}, says: "namespace"},

	{name: "a store path without a hash", doc: with("path", `"/nix/store/hello"`), says: "path"},
	{name: "a store path with a letter that base 32 has not", doc: with("path", `"/nix/store/e123456789abcdfghijklmnpqrsvwxyz-hello"`), says: "path"},
	{name: "a file beneath a store path", doc: with("path", `"`+string(helloPath)+`/bin/hello"`), says: "path"},
	{name: "a store path that climbs", doc: with("path", `"/nix/store/../etc"`), says: "path"},
	{name: "a derivation", doc: with("path", `"`+string(helloPath)+`.drv"`), says: "derivation"},
	{name: "another store", doc: with("path", `"/gnu/store/0123456789abcdfghijklmnpqrsvwxyz-hello"`), says: "path"},
	{name: "a link that is not there", doc: with("path", `"./no-result"`), says: "does not exist"},
	{name: "a link to somewhere else", doc: with("path", `"/proc/self/cwd"`), says: "path"},
	{name: "a store path with white space", doc: with("path", `"`+string(helloPath)+` "`), says: "path"},
	{name: "a path that no cache has", doc: with("path", `"`+absentPath+`"`), says: "no cache has the path"},
	{name: "a path that nobody signed", doc: with("path", `"`+string(unsignedPath)+`"`), says: "not signed"},
	{name: "a path whose closure is not whole", doc: with("path", `"`+string(halfPath)+`"`), says: "no cache has the path"},

	{name: "no command", doc: with("command", "[]"), says: "command"},
	{name: "an absolute command", doc: with("command", `["/bin/sh"]`), says: "command"},
	{name: "a command that climbs", doc: with("command", `["../../bin/sh"]`), says: "command"},
	{name: "an argument with NUL", doc: with("command", `["bin/hello", "a\u0000b"]`), says: "command"},
	{name: "an argument with a lone dollar sign", doc: with("command", `["bin/hello", "costs $5"]`), says: "command"},
	{name: "an unknown variable", doc: with("command", `["bin/hello", "${HOME}"]`), says: "command"},
	{name: "a variable of a port that is not there", doc: with("command", `["bin/hello", "${port.web}"]`), says: "port"},
	{name: "an environment variable of ours", doc: good(`"env": {"NSCHED_UNIT": "x"}`), says: "env"},
	{name: "an environment variable of the loader", doc: good(`"env": {"LD_PRELOAD": "x"}`), says: "env"},
	{name: "an environment variable of systemd", doc: good(`"env": {"NOTIFY_SOCKET": "x"}`), says: "env"},
	{name: "an environment variable that no shell takes", doc: good(`"env": {"A-B": "x"}`), says: "env"},

	{name: "a quantity in words", doc: good(`"resources": {"memory": "1gb"}`), says: "write 1Gi"},
	{name: "no memory", doc: good(`"resources": {"memory": "0"}`), says: "memory"},
	{name: "a limit below the reservation", doc: good(`"resources": {"memory": "2Gi", "memoryMax": "1Gi"}`), says: "memoryMax"},
	{name: "a quantity as number", doc: good(`"resources": {"cpu": 1}`), says: "cpu"},
	{name: "a duration without a unit", doc: good(`"stop": {"timeout": "10"}`), says: "timeout"},
	{name: "a negative duration", doc: good(`"stop": {"timeout": "-1s"}`), says: "timeout"},
	{name: "two ports of one name", doc: good(`"ports": [{"name": "a"}, {"name": "a"}]`), says: "ports"},
	{name: "two ports of one number", doc: good(`"ports": [{"name": "a", "port": 8080}, {"name": "b", "port": 8080}]`), says: "ports"},
	{name: "a port that is too large", doc: good(`"ports": [{"name": "a", "port": 65536}]`), says: "ports"},
	{name: "a low port", doc: good(`"ports": [{"name": "a", "port": 80}]`), says: "ports"},
	{name: "a check of a port that is not there", doc: good(`"healthChecks": {"tcp": [{"port": "web"}]}`), says: "port"},
	{name: "a DNS name of one label", doc: good(`"dns": [{"name": "hello", "type": "A"}]`), says: "dns"},
	{name: "a DNS name with a space", doc: good(`"dns": [{"name": "hello world.example.org", "type": "A"}]`), says: "dns"},
	{name: "a DNS name of another app", doc: good(`"dns": [{"name": "taken.example.org", "type": "A"}]`), says: "belongs to app default/other"},
	{name: "a constraint on an unknown attribute", doc: good(`"constraints": [{"attribute": "node.colour", "operator": "=", "value": "red"}]`), says: "constraints"},
	{name: "an operator that there is not", doc: good(`"constraints": [{"attribute": "node.name", "operator": "==", "value": "n1"}]`), says: "constraints"},
	{name: "a regular expression that is none", doc: good(`"constraints": [{"attribute": "node.name", "operator": "regexp", "value": "("}]`), says: "constraints"},

	{name: "a field without behaviour", doc: good(`"preemption": true`), says: "preemption: not supported yet"},
	{name: "a type without behaviour", doc: good(`"type": "batch"`), says: "not supported yet"},

	{name: "more memory than any node has", doc: good(`"resources": {"memory": "1Ti"}`), code: exitNotPlaced, says: "not enough memory"},
	{name: "more CPU than any node has", doc: good(`"resources": {"cpu": "64"}`), code: exitNotPlaced, says: "not enough cpu"},
	{name: "a constraint that no node meets", doc: good(`"constraints": [{"attribute": "labels.zone", "operator": "=", "value": "mars"}]`), code: exitNotPlaced, says: "zone"},
	{name: "a port that every node keeps", doc: good(`"ports": [{"name": "a", "port": 9999}]`), code: exitNotPlaced, says: "9999"},
	{name: "a path for another architecture", doc: `{"name": "hello", "paths": {"riscv64-linux": "` + string(helloPath) + `"}, "command": ["bin/hello"]}`, code: exitNotPlaced, says: "riscv64-linux"},
	{name: "a namespace that no node admits", doc: good(`"namespace": "other"`), code: exitNotPlaced, says: "no node"},

	{name: "an app that has changed since", doc: with("name", `"old"`), args: []string{"--check-revision", "1"}, code: exitChanged, says: "was changed meanwhile"},
	{name: "an unknown flag", doc: good(""), args: []string{"--force"}, says: "--force"},
	{name: "a flag that means nothing here", doc: good(""), args: []string{"-w"}, says: "--watch"},
	{name: "a malformed timeout", doc: good(""), args: []string{"--timeout", "soon"}, says: "--timeout"},
	{name: "a file that is not there", doc: "", args: []string{"no-such-file.json"}, says: "no-such-file.json"},
}

// onStage starts a cluster to be refused by.
func onStage(t *testing.T) *stage {
	t.Helper()
	s := newStage(t.Context(), t, t.TempDir())
	t.Cleanup(s.close)
	t.Setenv("NSCHED_ENDPOINTS", s.endpoint)
	s.register(t, "n1", func(n *units.Node) {
		n.Namespaces = []units.Namespace{"default", "prod", "staging"}
		n.ReservedPorts = []units.PortRange{{First: 9999, Last: 9999}}
	})
	s.push(t, helloPath, true)
	s.push(t, unsignedPath, false)
	s.push(t, halfPath, true, absentPath)
	putValue(t, s, s.keys.App(units.AppID{Namespace: "default", Name: "old"}), units.Intent{Generation: 1, Count: 1})
	putValue(t, s, s.keys.Name("taken.example.org"), units.Claim{App: units.AppID{Namespace: "default", Name: "other"}})
	return s
}

func TestWrongInputIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	s := onStage(t)
	for _, c := range wrongInput {
		t.Run(c.name, func(t *testing.T) {
			before := s.revision(t)
			got := nsched(t, c.doc, append([]string{"submit", "-", "--detach"}, c.args...)...)
			want := c.code
			if want == 0 {
				want = exitUsage
			}
			if got.code != want || !strings.Contains(got.errs, c.says) || got.out != "" {
				t.Errorf("code %d, want %d; stderr %q should say %q; stdout %q", got.code, want, got.errs, c.says, got.out)
			}
			if after := s.revision(t); after != before {
				t.Errorf("etcd's revision moved from %d to %d", before, after)
			}
		})
	}
}

func TestTheDocumentThatWrongInputIsMadeOfIsAccepted(t *testing.T) {
	s := onStage(t)
	before := s.revision(t)
	if got := nsched(t, good(""), "submit", "-", "--detach"); got.code != exitOK {
		t.Fatalf("code %d: %s", got.code, got.errs)
	}
	if after := s.revision(t); after != before+1 {
		t.Errorf("etcd's revision moved from %d to %d, not by one transaction", before, after)
	}
	if got := nsched(t, good(""), "submit", "-"); got.code != exitOK || !strings.Contains(got.out, "unchanged") {
		t.Errorf("a second time: code %d: %s%s", got.code, got.out, got.errs)
	}
	if again := s.revision(t); again != before+1 {
		t.Errorf("submitting it again moved etcd's revision to %d", again)
	}
}
