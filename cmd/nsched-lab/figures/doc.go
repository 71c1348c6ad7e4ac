// Package figures measures what nsched promises in seconds and counts, on real lab hosts, and says it in
// tables: how long a submit takes until the service answers, how long a lost host, leader, daemon or etcd
// is felt, and what an idle cluster costs.
//
// Every figure names where its time starts and ends and who looks: always somebody outside the process
// that is measured — the witness and the client in the lab, an etcd watch, systemd, the kernel. Raw
// samples are kept in samples/, one file a figure, with machine, date, commit and load; the tables are
// made from these files alone, and a test compares the README with them.
//
// Not promised: that figures of another machine, or of one that does something else meanwhile, compare.
// All hosts of a lab share one kernel, its clock and its cores: a real network only adds to the times.
package figures
