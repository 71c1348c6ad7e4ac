package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// emptyFile is a configuration that says nothing, in place of the machine's own.
func emptyFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "empty.json")
	if err := os.WriteFile(file, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// Every key of every file is reached by its variable, is documented, and has a default that it accepts.
func TestEveryKeyIsWhole(t *testing.T) {
	for _, kind := range configKinds() {
		seen := map[string]bool{}
		for _, k := range kind.keys {
			t.Run(kind.name+": "+k.name, func(t *testing.T) {
				if !regexp.MustCompile(`^[a-z]+\.[a-z][a-zA-Z]*$`).MatchString(k.name) || seen[k.name] || k.doc == "" {
					t.Errorf("its name, or its documentation")
				}
				seen[k.name] = true
				if v := k.variable(); !regexp.MustCompile(`^NSCHED_[A-Z]+_[A-Z_]*[A-Z]$`).MatchString(v) {
					t.Errorf("variable %s", v)
				}
				if _, err := k.value(k.zero()); err != nil {
					t.Errorf("it refuses its own default: %v", err)
				}
				if k.kind != kindBool {
					return // no value fits every check
				}
				t.Setenv(k.variable(), "true")
				c, err := kind.load(emptyFile(t), nil)
				if err != nil || !c.truth(k.name) || c.origins[k.name] != k.variable() {
					t.Errorf("%v, %v", c.values[k.name], err)
				}
			})
		}
	}
}

func TestVariablesAreNamedAfterKeys(t *testing.T) {
	for name, want := range map[string]string{
		"node.name": "NSCHED_NODE_NAME", "nix.publicKeys": "NSCHED_NIX_PUBLIC_KEYS", "api.tlsClientCA": "NSCHED_API_TLS_CLIENT_CA",
		"etcd.passwordFile": "NSCHED_ETCD_PASSWORD_FILE",
	} {
		if got := (configKey{name: name}).variable(); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestAListInAVariableIsSeparatedByCommas(t *testing.T) {
	t.Setenv("NSCHED_NODE_LABELS", "zone=a, rack=7,")
	c, err := nodeConfig().load(emptyFile(t), nil)
	if err != nil || !slices.Equal(c.list("node.labels"), []string{"zone=a", "rack=7"}) {
		t.Errorf("%v, %v", c.list("node.labels"), err)
	}
}

func TestTheNearestName(t *testing.T) {
	names := []string{"name", "labels", "reservedPorts", "publicKeys"}
	for given, want := range map[string]string{
		"nmae": "name", "Labels": "labels", "label": "labels", "reserved_ports": "reservedPorts", "publickeys": "publicKeys", "quux": "",
	} {
		if got := nearest(given, names); got != want {
			t.Errorf("%s: %q, want %q", given, got, want)
		}
	}
}

func FuzzConfigFilesNeverPanicAndAreReadTheSameTwice(f *testing.F) {
	f.Add("node.json", `{"node": {"name": "a", "labels": ["a=b"]}}`)
	f.Add("node.yaml", "node: {name: a}\n")
	f.Add("node.toml", "[node]\nname = \"a\"\n")
	f.Fuzz(func(t *testing.T, file, content string) {
		kind := nodeConfig()
		first, err := parseConfig(file, []byte(content))
		if err != nil {
			return
		}
		second, err := parseConfig(file, []byte(content))
		if err != nil {
			t.Fatalf("the second time: %v", err)
		}
		values, problems := kind.flatten(first)
		again, problemsAgain := kind.flatten(second)
		if len(values) != len(again) || !slices.Equal(problems, problemsAgain) {
			t.Errorf("%v %q, then %v %q", values, problems, again, problemsAgain)
		}
		for name := range values {
			if _, known := kind.key(name); !known {
				t.Errorf("it took the unknown key %s", name)
			}
		}
	})
}
