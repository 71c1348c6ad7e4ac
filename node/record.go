package node

import (
	"github.com/nsched/nsched/node/converge"
	"github.com/nsched/nsched/units"
)

// Phase is where systemd has a unit.
type Phase = converge.Phase

// Record is what a node remembers of one unit on its own disk: what it was told, what it did, and how
// it ended. It is written before the daemon acts on it, so a daemon that died acts on nothing else,
// and a machine that boots without a registry has all it needs.
type Record struct {
	Version    int              `json:"v"`
	ID         units.UnitID     `json:"unit"`
	Assignment units.Assignment `json:"assignment"`
	// Revision is the create revision of the assignment; 0 for an orphan.
	Revision int64 `json:"revision"`
	// Document is the generation byte for byte.
	Document string `json:"document,omitempty"`
	// LaunchedBoot is the boot id in which a start was last asked for.
	LaunchedBoot string `json:"launchedBoot,omitempty"`
	// Ended is how the attempt ended. It is never taken back.
	Ended *converge.Ending `json:"ended,omitempty"`
	// Cluster is the id of the cluster that assigned it, of an attempt that is past.
	Cluster string `json:"cluster,omitempty"`
}
