package registry

import "github.com/nsched/nsched/units"

// The keys that code builds by hand, one method each. The rest are built with Build.

// Cluster returns the key of the cluster's identity.
func (k Keys) Cluster() string { return k.Build(Key{Kind: KindCluster}) }

// Clock returns the key of the leader's heartbeat.
func (k Keys) Clock() string { return k.Build(Key{Kind: KindClock}) }

// Config returns the key of the cluster's policy.
func (k Keys) Config() string { return k.Build(Key{Kind: KindConfig}) }

// Leader returns the key under which the holder of the lease campaigns.
func (k Keys) Leader(l LeaseID) string { return k.Build(Key{Kind: KindLeader, Lease: l}) }

// Namespace returns the key of a namespace's policy.
func (k Keys) Namespace(ns units.Namespace) string {
	return k.Build(Key{Kind: KindNamespace, Namespace: ns})
}

// App returns the key of an app's intent.
func (k Keys) App(app units.AppID) string { return k.Build(Key{Kind: KindApp, App: app}) }

// Generation returns the key of a submitted document.
func (k Keys) Generation(app units.AppID, g units.Generation) string {
	return k.Build(Key{Kind: KindGeneration, App: app, Generation: g})
}

// Closure returns the key of a closure's paths, by the hash of its store path.
func (k Keys) Closure(ns units.Namespace, hash string) string {
	return k.Build(Key{Kind: KindClosure, Namespace: ns, Hash: hash})
}

// Name returns the key of the claim of a domain name.
func (k Keys) Name(fqdn string) string { return k.Build(Key{Kind: KindName, Name: fqdn}) }

// Rollout returns the key of the rollout towards a generation.
func (k Keys) Rollout(app units.AppID, g units.Generation) string {
	return k.Build(Key{Kind: KindRollout, App: app, Generation: g})
}

// Slots returns the key of the chunk that records a slot.
func (k Keys) Slots(app units.AppID, chunk string) string {
	return k.Build(Key{Kind: KindSlots, App: app, Chunk: chunk})
}

// Summary returns the key of the chunk that shows a slot.
func (k Keys) Summary(app units.AppID, chunk string) string {
	return k.Build(Key{Kind: KindSummary, App: app, Chunk: chunk})
}

// Unit returns the key of an assignment.
func (k Keys) Unit(n units.NodeName, u units.UnitID) string {
	return k.Build(Key{Kind: KindUnit, Node: n, Unit: u})
}

// Status returns the key of a node's word about a unit.
func (k Keys) Status(n units.NodeName, u units.UnitID) string {
	return k.Build(Key{Kind: KindStatus, Node: n, Unit: u})
}

// Endpoint returns the key of where a healthy unit is reached.
func (k Keys) Endpoint(n units.NodeName, u units.UnitID) string {
	return k.Build(Key{Kind: KindEndpoint, Node: n, Unit: u})
}

// Node returns the key of a registration.
func (k Keys) Node(n units.NodeName) string { return k.Build(Key{Kind: KindNode, Node: n}) }

// Alive returns the key whose create revision is the node's tenure.
func (k Keys) Alive(n units.NodeName) string { return k.Build(Key{Kind: KindAlive, Node: n}) }

// Agent returns the key that exists while the daemon lives.
func (k Keys) Agent(n units.NodeName) string { return k.Build(Key{Kind: KindAgent, Node: n}) }

// Operator returns the key of what people decided about a node.
func (k Keys) Operator(n units.NodeName) string { return k.Build(Key{Kind: KindOperator, Node: n}) }

// Drain returns the key of a drain's progress.
func (k Keys) Drain(n units.NodeName) string { return k.Build(Key{Kind: KindDrain, Node: n}) }

// Fence returns the key that tells a node to give up its tenure.
func (k Keys) Fence(n units.NodeName) string { return k.Build(Key{Kind: KindFence, Node: n}) }

// SkyDNS returns the key of a record for CoreDNS; path is "com/example/www".
func (k Keys) SkyDNS(path string) string { return k.Build(Key{Kind: KindSkyDNS, Path: path}) }

// Event returns the key of an event.
func (k Keys) Event(writer, path string) string {
	return k.Build(Key{Kind: KindEvent, Writer: writer, Path: path})
}

// Audit returns the key of an audit record. Keys of one writer sort by number.
func (k Keys) Audit(writer string, seq int64) string {
	return k.Build(Key{Kind: KindAudit, Writer: writer, Seq: seq})
}
