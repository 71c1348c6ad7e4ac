package diff

import (
	"net/netip"

	"github.com/nsched/nsched/units"
)

// Fleet is all that the DNS depends on, at one revision. The order of its slices does not matter.
type Fleet struct {
	// Live are the endpoints that there are.
	Live []Live
	// Silent are units that are assigned, not told to stop, and have no endpoint.
	Silent []Silent
	// Lost are the addresses of registered nodes that have no lease.
	Lost []netip.Addr
	// Ended are the apps that a person has stopped or scaled to nothing.
	Ended map[units.AppID]bool
	// Claims say whose a name is; Since is the create revision of an app's intent, for names that
	// nobody claims.
	Claims map[string]units.AppID
	Since  map[units.AppID]int64
	// Unclear says of what something could not be read.
	Unclear Unclear
	// Empty says that the registry holds no app and no endpoint at all.
	Empty bool
}

// Live is one endpoint.
type Live struct {
	Unit     units.UnitID
	Node     units.NodeName
	Endpoint units.Endpoint
	// Spec is what the unit's generation says; nil where its document is missing or cannot be read.
	Spec *Spec
}

// Spec is what of an app's document concerns the DNS.
type Spec struct {
	Records []units.DNSRecord
	Ports   []units.Port
}

// Silent is a unit that is meant to run and has no endpoint, with the addresses of its node.
type Silent struct {
	Unit      units.UnitID
	Addresses []netip.Addr
	// Muted says that its node's last word was that it can be used, and that nobody has found the node
	// lost: its endpoint went with a lease, not by a decision.
	Muted bool
}

// Unclear is what cannot be told, since a key could not be read. Nothing is removed of it.
type Unclear struct {
	Apps  map[units.AppID]bool
	Names map[string]bool
	// Nodes says that a node's registration could not be read: no address can be said to be nobody's.
	Nodes bool
}
