// Package diff decides what the DNS should say and what has to change for it. It is pure: live endpoints
// and the documents of their apps go in, records and plans come out, and no clock, network or map order
// has a say.
//
//	Fleet --Desired--> Wish --per provider--> Plan(Zone) --> creates, updates, deletes
//	                     |                      ^
//	                     +--> dns/coredns       +-- what the zone holds, read whole
//
// # Which records
//
// An app's unit is found under a name while its endpoint is live. Each unit stands behind the names of
// its own generation, so that during a rollout the names move with the units.
//
//	A, AAAA   the unit's addresses of the family
//	CNAME     the host name of one unit's node, the first by order: a name can have only one
//	TXT       "app=<ns>/<app> slot=<slot> generation=<n> node=<node>", one of each unit
//	SRV       see below
//
// With perUnit every unit also has <slot>.<name>.
//
// An SRV record needs a port and a target. It stands under _<port>._<protocol>.<name> for each named
// port of the app; an app that has exactly one port has it also under <name> itself. A name that begins
// with labels of its own like _http._tcp keeps them: its port is the one that the first label names,
// else the app's only one. The target is always <slot>.<name without such labels>, and the addresses of
// the unit are recorded there, whether perUnit is set or not. Priority is 10 and weight 1: units are
// equal, and CoreDNS' etcd plugin would take a priority of 0 for 10.
//
// A name belongs to one app: the one that claims it; without a claim the one that declares it, before
// one that only derives it (perUnit, SRV), and then the one that was there first.
//
// # Which changes
//
// A plan touches only records that carry this cluster's ownership, and adds to no name and type under
// which somebody else has records and we have none. Of external zones nothing is removed
//
//   - unless the zone was read whole, and unless the registry was: a read that is empty, where it was
//     not before, is no reason to do anything;
//   - while evictions are frozen;
//   - beyond max(3, 30 %) of the zone's owned records in one pass;
//   - of an app, or under a name, of which something cannot be read;
//   - before a live record of the same name and type is seen to exist, where one is wanted;
//   - for silence, where it would leave the name without a live address: the unit's node has lost its
//     lease, or a unit is still assigned to it and does not answer. Where the app was stopped, the unit
//     has left a living node, or the node was forgotten, it is not silence.
//
// # Not promised
//
// A record that somebody edits by hand and leaves our mark on is ours and is repaired. Two clusters
// that create the same name in the same moment both keep what they have and say so.
package diff
