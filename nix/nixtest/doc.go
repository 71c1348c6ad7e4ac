// Package nixtest gives tests a Nix store of their own and a binary cache that misbehaves on demand.
//
// The parts are real: the installed Nix builds real derivations (without nixpkgs), signs them with a real
// key and pushes them into a real binary cache. Only the HTTP server in front of the cache is this
// package's, so that it can fail on purpose.
//
// Store paths must begin with /nix/store to be what they are on a machine, so Main runs the whole test
// binary once more in a private mount namespace whose root has a /nix on a tmpfs. The machine's own /nix is
// neither needed nor seen, and nothing stays mounted, not even after SIGKILL: the namespace goes with its
// last process. It needs root and an installed Nix; without them the tests fail, they do not pass.
//
// One store exists per process, so tests that use it do not run in parallel.
package nixtest
