// Command nsched-sim runs simulated clusters: the real shells of nsched over an in-memory etcd, in
// virtual time, under one seed.
//
//	nsched-sim -seeds 100          run seeds 1 to 100
//	nsched-sim -seed 7 -trace      replay seed 7 and print what happened
//
// It exits with 1 when a promise was broken, and prints the seed and the command that replays it.
package main
