package chaos

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"
)

const (
	// workerProgram is where the worker is built, below bin.
	workerProgram = "lab/worker"
	// variantCount is how many packages of it there are for the operator.
	variantCount = 12
	// padBytes is how much each of them carries, so that a slow cache is felt, and padMany where there are
	// many.
	padBytes = 192 << 10
	padMany  = 1 << 10
	// slowBytesPerSecond is how fast a slow cache is.
	slowBytesPerSecond = 64 << 10
)

// recipe makes packages of two store paths each: an outer one of their own that an app names, and an inner
// one with the program that all of them refer to.
const recipe = `
{ count }:
let
  program = file: builtins.path { path = ./programs + "/${file}"; name = file; };
  make = name: args: derivation {
    inherit name args;
    system = builtins.currentSystem;
    builder = program "assemble";
  };
  inner = make "worker-inner" [ "copy" (program "worker") "bin/worker" ];
  outer = n: make "worker" [
    "link" "${inner}/bin/worker" "bin/worker"
    "copy" (program "pad") "share/pad"
    "copy" (builtins.toFile "variant" "${toString n}\n") "share/variant"
  ];
in builtins.genList outer count
`

const source = "/var/lib/src/chaos"

// pack builds and pushes all variants of the worker.
func (s *Stage) pack(ctx context.Context) error {
	for from, to := range map[string]string{workerProgram: "worker", "lab/assemble": "assemble"} {
		if err := s.Dev.CopyIn(ctx, filepath.Join(s.o.Programs.Root, "bin", from), filepath.Join(source, "programs", to)); err != nil {
			return err
		}
	}
	bytes := padBytes
	if s.o.Variants > variantCount {
		bytes = padMany
	}
	for name, text := range map[string][]byte{"default.nix": []byte(recipe), "programs/pad": pad(bytes)} {
		if err := s.Dev.WriteFile(ctx, filepath.Join(source, name), text, 0o644); err != nil {
			return err
		}
	}
	out, err := s.Dev.Build(ctx, source, "--arg", "count", fmt.Sprint(s.o.Variants))
	if err != nil {
		return err
	}
	s.Variants = strings.Fields(out)
	return s.Dev.PushMain(ctx, s.Variants...)
}

// pad is what does not compress and is the same each time.
func pad(bytes int) []byte {
	var out []byte
	for i := uint64(0); len(out) < bytes; i++ {
		block := sha256.Sum256(binary.BigEndian.AppendUint64(nil, i))
		out = append(out, block[:]...)
	}
	return out
}
