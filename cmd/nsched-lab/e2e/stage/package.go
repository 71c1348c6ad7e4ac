package stage

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
)

// actorProgram is where the actor is built, below bin.
const actorProgram = "lab/actor"

// recipe makes a package of two store paths: an outer one that an app names, and an inner one, which it
// refers to, with the actor. variant makes it another package.
const recipe = `
{ name, variant }:
let
  program = file: builtins.path { path = ./programs + "/${file}"; name = file; };
  make = name: args: derivation {
    inherit name args;
    system = builtins.currentSystem;
    builder = program "assemble";
  };
  inner = make "${name}-inner" [
    "copy" (program "actor") "bin/actor"
    "copy" (builtins.toFile "variant" "${name} ${variant}\n") "share/variant"
  ];
in make name [
  "link" "${inner}/bin/actor" "bin/actor"
  "link" "${inner}/share/variant" "share/variant"
  "copy" (program "broken") "bin/broken"
]
`

// source is where the packages are built from, on the machine of a person.
const source = "/var/lib/src/actor"

// Build builds a package of the actor on the machine of a person and returns its store path.
func (s *Stage) Build(ctx context.Context, name, variant string) (string, error) {
	for from, to := range map[string]string{actorProgram: "actor", "lab/assemble": "assemble"} {
		if err := s.Dev.CopyIn(ctx, filepath.Join(s.Programs.Root, "bin", from), filepath.Join(source, "programs", to)); err != nil {
			return "", err
		}
	}
	files := map[string]string{"default.nix": recipe, "programs/broken": "\x7fELF, or so it says\n"}
	for file, text := range files {
		if err := s.Dev.WriteFile(ctx, filepath.Join(source, file), []byte(text), 0o755); err != nil {
			return "", err
		}
	}
	path, err := s.Dev.Build(ctx, source, "--argstr", "name", name, "--argstr", "variant", variant)
	if err != nil {
		return "", fmt.Errorf("build %s: %w", name, err)
	}
	return path, nil
}

// Pushed builds a package of its own and pushes it into a cache alone.
func (s *Stage) Pushed(t *testing.T, name, key, cache string) string {
	t.Helper()
	path, err := s.Build(t.Context(), name, t.Name())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Dev.Push(t.Context(), cache, key, path); err != nil {
		t.Fatal(err)
	}
	return path
}
