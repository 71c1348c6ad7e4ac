package nixtest

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Closure is a small real closure: App refers to Lib, which refers to nothing, and to Note, which is
// content-addressed.
type Closure struct {
	App, Lib, Note string
}

// Paths are all three.
func (c Closure) Paths() []string { return []string{c.App, c.Lib, c.Note} }

const expression = `
{ payload, search, name }:
let
  make = name: script: env: derivation ({
    inherit name;
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-ec" script ];
    PATH = search;
  } // env);
  note = builtins.toFile "${name}-note" "read me: ${name}\n";
  lib = make "${name}-lib" "mkdir $out; cp $payload $out/data" {
    payload = builtins.path { path = /. + payload; name = "payload"; };
  };
  app = make name "mkdir -p $out/bin; echo '#!/bin/sh' > $out/bin/app; echo cat $lib/data $note >> $out/bin/app; chmod +x $out/bin/app" {
    inherit lib note;
  };
in { inherit app lib note; }
`

// Build builds a closure in the store. Its library holds size random bytes, so it does not compress and
// no two builds have a path in common.
func Build(t testing.TB, name string, size int) Closure {
	t.Helper()
	dir := t.TempDir()
	data := make([]byte, size)
	if _, err := rand.Read(data); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "payload"), data)
	write(t, filepath.Join(dir, "closure.nix"), []byte(expression))
	build := func(attribute string) string {
		return Run(t, "nix-build", filepath.Join(dir, "closure.nix"), "--no-out-link", "--attr", attribute,
			"--argstr", "payload", filepath.Join(dir, "payload"), "--argstr", "search", os.Getenv("PATH"),
			"--argstr", "name", name)
	}
	c := Closure{App: build("app"), Lib: build("lib")}
	c.Note = Run(t, "nix-instantiate", "--eval", "--expr", fmt.Sprintf("builtins.toFile %q %q", name+"-note", "read me: "+name+"\n"))
	c.Note = c.Note[1 : len(c.Note)-1]
	return c
}

// Key is a key pair that signs store paths.
type Key struct {
	// Public is "name:base64".
	Public string
	// SecretFile is where the secret half is.
	SecretFile string
}

// NewKey makes a key pair.
func NewKey(t testing.TB, name string) Key {
	t.Helper()
	dir := t.TempDir()
	secret, public := filepath.Join(dir, "secret"), filepath.Join(dir, "public")
	Run(t, "nix-store", "--generate-binary-cache-key", name, secret, public)
	text, err := os.ReadFile(public)
	if err != nil {
		t.Fatal(err)
	}
	return Key{Public: string(text), SecretFile: secret}
}

// Push copies paths and all they refer to into a binary cache in dir, signed. compression is Nix' name for
// it, such as "none" or "xz".
func Push(t testing.TB, dir string, k Key, compression string, paths ...string) {
	t.Helper()
	to := "file://" + dir + "?compression=" + compression + "&secret-key=" + k.SecretFile
	Run(t, "nix", append([]string{"copy", "--to", to}, paths...)...)
}

func write(t testing.TB, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
