// Package cluster assembles a whole nsched cluster on the hosts of a lab, from real parts: etcd, a signed
// binary cache, a machine to build and type on, nodes whose own systemd runs guard and daemon from the
// unit files that are installed anywhere else, schedulers and CoreDNS.
//
//	10.77.0.1  lab   etcd :2379, binary caches :8080, CoreDNS :53, and what a test adds
//	10.77.0.11 dev   where packages are built with Nix and where a person types
//	10.77.0.12 …     nodes, in the order of their making
//
// The demo and the end-to-end tests are made of it. A test adds what measures: a Witness, which learns of
// every start and end of a service from the service's own connection, and a Load, which asks with a new
// connection each time and never twice.
//
// Guarantees: whatever happens to the calling process, nothing of the cluster remains, as package host
// promises; everything on disk is below the lab's own directory. Logs of all parts are in Lab.Logs, and
// Dump shows what matters of them.
//
// Not promised: that etcd's data survives the lab, or that any of it is encrypted. The network of a lab
// leads nowhere.
package cluster
