// Package nix makes store paths exist on this machine, keeps them, and says whether they may be trusted.
//
// It drives the Nix that is installed (nix-store and nix, 2.8 or newer) as child processes: nothing is
// evaluated and nothing is ever built. What it does itself, because Nix does not do it the way nsched
// promises it:
//
//   - Signatures. Nix checks a signature once, when it fetches a path, against one list of keys for the
//     whole machine, and never for a path that is there already or that is content-addressed. Here the
//     whole closure is checked every time, against the keys that the namespace may use.
//   - Reasons. A cache that is down and a path that no cache has end Nix with the same words and the same
//     exit code, so the caches are asked again (the narinfo files over HTTP) before an error is named.
//   - Roots. One symlink per app generation, <ns>.<app>.<gen>, in a directory of its own.
//
// # Invariants
//
//   - When Realise returns nil, the root exists and points to the path, and every path of the closure is
//     registered, present and signed by a key that was allowed. The root came first, so no garbage
//     collection fits between the check and the use.
//   - When Realise fails, a root that was there before is as it was, and one that was not is gone.
//   - What is in the store is not fetched.
//   - A key that an app names only takes keys away; it never adds one.
//   - A root that another program made is neither listed, nor replaced, nor removed.
//
// # Not promised
//
// The bytes on disk are not hashed again on every start: a path counts as what Nix registered it to be
// (`nix-store --verify --check-contents` is the tool for that). Whether they survive a loss of power right
// after a fetch is Nix' setting sync-before-registering, which is off by default. Only paths below /nix/store exist here.
// Caches other than http, https and file can be fetched from (Nix does it) but not asked for reasons or
// walked ahead of a fetch.
package nix
