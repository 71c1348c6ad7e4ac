// Package embedded runs a single etcd member inside this process, for `nsched dev` and for a small
// cluster whose scheduler brings its own etcd. It is the only importer of etcd's server.
//
// Invariants:
//
//   - One process a directory. A second Start on it fails at once and names it.
//   - Plaintext stays on this machine unless AllowInsecure says otherwise.
//   - History is compacted and the quota is 8 GiB: etcd's own defaults are never and 2 GiB.
//
// Not promised: more than one member. A cluster that must survive the loss of a machine uses an etcd
// cluster of its own.
package embedded
