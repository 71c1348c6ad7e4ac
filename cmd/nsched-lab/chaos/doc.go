// Package chaos hurts a whole nsched cluster on real hosts, and looks from outside at what comes of it.
//
//	10.77.0.2-4  e1 e2 e3  etcd members, each in a cell: a process with a network and data of its own
//	10.77.0.5-6  s1 s2     schedulers, each in a cell
//	10.77.0.11   dev       the operator, who types all the time
//	10.77.0.12…  n1…       nodes, systemd hosts with a store of their own
//
// While faults are struck, an operator submits, scales and stops apps with the real command, and a crowd
// asks the published apps by their names, each time with a new connection. Of the apps that run all the
// time three are singletons, of which one stops slowly and one not at all by itself; one is tied to its
// node's tenure; one waits for a lost node; the others run on whatever happens.
//
// Nobody who looks depends on what is hurt. The witness has a socket in every host, and asks the kernel
// which process speaks and when it has ended; the watchman reads the control groups of all hosts; etcd's
// history comes from every member over a socket of its own. All hosts share one kernel and its clock, so
// times compare exactly.
//
// After each fault all must be as people want it within ConvergeWithin: every unit runs once, where etcd
// says, and answers; no unit that runs on whatever happens has stopped unless its assignment said so or
// its machine had no power; no singleton has run twice at any time; what is bound to a tenure has ended
// in time on a node that heard nothing. At the end the histories are checked as a whole: fence tokens and
// terms have an order in which they can have happened (porcupine), and assignments only advanced.
//
// Not judged: requests that fail while a fault lasts are counted and told. Not struck: guard and reaper
// both stopped while systemd is, processes that the kernel does not let die, a pause of the whole machine,
// clocks that step (hosts share the machine's).
package chaos
