// Command nsched-sim runs simulated clusters: the real shells of nsched over an in-memory etcd, in
// virtual time, under one seed.
//
//	nsched-sim -seeds 100            run seeds 1 to 100, and tell what they met
//	nsched-sim -seed 501 -seeds 99500 -report soak.txt
//	                                 the same, and what they met so far is in a file, with the next seed
//	nsched-sim -seed 7 -trace        replay seed 7 and print what happened
//	nsched-sim -seed 7 -shrink       look for the smallest schedule that fails as seed 7 does: seed-7.json
//	nsched-sim -schedule seed-7.json replay that
//
// It exits with 1 when a promise was broken, when a seed did nothing, or when one took more CPU time or
// events than it may, and prints the seed and the command that replays it.
package main
