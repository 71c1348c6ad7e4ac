// Package coredns turns records into the keys that CoreDNS' etcd plugin serves. It is pure: what is held
// below skydns/ and what is wanted go in, the keys to write come out. Who leads the cluster writes them,
// fenced like everything else it writes.
//
//	0.web.example.org A 10.0.0.1   skydns/org/example/web/0/a.10.0.0.1
//	                               {"host":"10.0.0.1","port":-1,"priority":1,"ttl":60,
//	                                "group":"0.web.example.org","owner":"prod/web"}
//
// A key is the name's labels backwards and a leaf that says what the record says: one key for each record,
// so nothing is doubled. A leaf holds a dot, so it is no label and no query asks for it.
//
// Facts of the plugin (CoreDNS 1.15, plugin/etcd and plugin/backend_lookup.go) that the keys answer to:
//
//   - It reads everything below a name. So each record carries its name as group: the plugin takes the
//     group of the shortest keys and leaves out those of other groups, which are the names below. A name
//     that has names below it and no host of its own gets a barrier: a key of its group that is in no
//     answer. Without one, a query for example.org would return every address of the zone.
//   - It makes an SRV record of every key with a host: port -1 keeps addresses out of such answers, and
//     priority 1 out of the sums that weights are scaled by.
//   - It makes up the target of an SRV record from the key of an address, and gets it wrong below a prefix
//     of two segments. So SRV records have a name as host. In queries for addresses the plugin would take
//     that for a CNAME, but passes over hosts below the name asked for, as our targets are; only names
//     like _http._tcp.web.example.org, which nobody asks for addresses, answer with the target's.
//   - It takes a priority of 0 for 10, and a label "any" for a wildcard; package diff knows both.
//
// Every key that is ours has an owner, which the plugin ignores. Keys without one are somebody's own and
// are left alone.
//
// Changes follow the live endpoints exactly, with four exceptions in which nothing is deleted: while
// evictions are frozen, when the registry was read as empty, of an app or a name of which something cannot
// be read, and of a unit whose endpoint went with a lease until its node is found lost: leases may end by
// a hand or a fault, all at once, while everything runs.
//
// # Not promised
//
// A query for type CNAME gets NXDOMAIN, since the plugin looks for a key of exactly the name, which would
// be one more record of the parent's. Clients ask for addresses, and follow. Barriers of different names
// are written in transactions of their own, so for a moment an ancestor may answer too much.
package coredns
