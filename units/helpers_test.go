package units_test

import (
	"encoding/json"
	"flag"
	"strings"
	"testing"

	"github.com/nsched/nsched/units"
)

var update = flag.Bool("update", false, "write golden files anew")

const (
	hash     = "0123456789abcdfghijklmnpqrsvwxyz"
	somePath = "/nix/store/" + hash + "-hello-1.0"
)

// document returns the smallest valid app, its fields replaced by those given. A field whose JSON is
// empty is left out.
func document(t testing.TB, replace map[string]string) []byte {
	t.Helper()
	fields := map[string]json.RawMessage{
		"name":    json.RawMessage(`"hello"`),
		"path":    json.RawMessage(`"` + somePath + `"`),
		"command": json.RawMessage(`["bin/hello"]`),
	}
	for name, text := range replace {
		if text == "" {
			delete(fields, name)
			continue
		}
		fields[name] = json.RawMessage(text)
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		t.Fatalf("build the document: %v", err)
	}
	return raw
}

// lines returns one line per problem.
func lines(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func mustParse(t *testing.T, raw []byte) units.App {
	t.Helper()
	app, err := units.ParseApp(raw)
	if err != nil {
		t.Fatalf("ParseApp(%s):\n%v", raw, err)
	}
	return app
}
