package units

// Reason says why: a code for programs and a sentence for people. The zero Reason is "no reason".
type Reason struct {
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
}

// String returns "code: message", or the part that there is.
func (r Reason) String() string {
	switch {
	case r.Code == "":
		return r.Message
	case r.Message == "":
		return r.Code
	}
	return r.Code + ": " + r.Message
}

// IsZero reports whether there is no reason.
func (r Reason) IsZero() bool { return r == Reason{} }

// Codes of a node: why a unit is not, or no longer, up.
const (
	ReasonPathNotFound      = "path-not-found"     // no cache that may be asked has the path
	ReasonBadSignature      = "bad-signature"      // no key that the namespace trusts signed it
	ReasonFetchFailed       = "fetch-failed"       // a cache answered wrongly or not at all
	ReasonBadHash           = "bad-hash"           // the bytes are not what their signature says
	ReasonNoSpace           = "no-space"           // the store's disk is full
	ReasonExecutableMissing = "executable-missing" // command[0] is not in the path
	ReasonExecFailed        = "exec-failed"        // the kernel refused to execute it
	ReasonPortBusy          = "port-busy"          // something else listens there
	ReasonBadUnit           = "bad-unit"           // systemd refused the unit's properties
	ReasonNotPermitted      = "not-permitted"      // the node's policy does not grant it
	ReasonExited            = "exited"             // ended by itself
	ReasonKilled            = "killed"             // ended by a signal that nsched did not send
	ReasonOutOfMemory       = "out-of-memory"      // killed by the kernel at memoryMax
	ReasonStartTimeout      = "start-timeout"      // was not ready in time
	ReasonStopTimeout       = "stop-timeout"       // ignored its stop signal and was killed
	ReasonWatchdog          = "watchdog"           // stopped telling systemd that it is alive
	ReasonRestartLimit      = "restart-limit"      // failed more often than restart allows
	ReasonCheckFailed       = "check-failed"       // a health check failed failAfter times
	ReasonChecksPending     = "checks-pending"     // runs, and its checks have not passed yet
	ReasonVanished          = "vanished"           // the unit is gone and left no result
	ReasonRebooted          = "rebooted"           // the machine started again
	ReasonTenureLost        = "tenure-lost"        // the node gave up its place in the cluster
	ReasonTenureOver        = "tenure-over"        // assigned for an earlier life of its node, in which alone it might run
	ReasonFenced            = "fenced"             // stopped, since its node could not be sure any more to be in the cluster
	ReasonNodeShutdown      = "node-shutdown"      // stopped, since its machine was shut down
	ReasonOffline           = "offline"            // out of touch for longer than maxOfflineAge
	ReasonOrphan            = "orphan"             // runs here and the registry does not know it
	ReasonStopped           = "stopped-as-told"    // ended since it was told to
	ReasonUndecodable       = "undecodable"        // a value in the registry cannot be read
	ReasonInvalidApp        = "invalid-app"        // the stored document breaks the rules
	ReasonUnknownSchema     = "unknown-schema"     // needs a newer nsched
	ReasonNotSupported      = "not-supported"      // uses a field that has no behaviour yet
	ReasonSystemdFailed     = "systemd-failed"     // systemd could not be asked, or answered wrongly
	ReasonNixFailed         = "nix-failed"         // Nix could not be asked, or answered wrongly
	ReasonInternal          = "internal"           // a defect of nsched; the message has the details
)

// Codes of placement: why a slot is not filled, per class of nodes.
const (
	ReasonNoNode             = "no-node"             // no node is registered
	ReasonInsufficientCPU    = "insufficient-cpu"    // reserved by others, or larger than the node
	ReasonInsufficientMemory = "insufficient-memory" // likewise
	ReasonInsufficientDisk   = "insufficient-disk"   // likewise
	ReasonPortTaken          = "port-taken"          // assigned to another unit, or kept by the node
	ReasonNoPortFree         = "no-port-free"        // the dynamic range is used up
	ReasonConstraintUnmet    = "constraint-unmet"    // the message names the constraint
	ReasonDistinct           = "distinct"            // distinct_hosts or distinct_property is used up
	ReasonWrongArch          = "wrong-arch"          // the app has no path for the node's system
	ReasonWrongPool          = "wrong-pool"          // the node is in another pool
	ReasonNodeLost           = "node-lost"           // its lease ended
	ReasonSingletonWaiting   = "singleton-waiting"   // an earlier unit of the singleton may still be running
	ReasonLostWaiting        = "lost-waiting"        // its node is lost, and lostAfter has not passed
	ReasonKeyCopied          = "key-copied"          // the node has the key of another one: its disk is a copy
	ReasonNodeCordoned       = "node-cordoned"       // an operator keeps new units away
	ReasonNodeDraining       = "node-draining"       // an operator empties it
	ReasonNodeAgentLost      = "node-agent-lost"     // the guard lives and the daemon does not
	ReasonNodeOld            = "node-old"            // does not know the app's schema
	ReasonBackoff            = "backoff"             // failed before; waits until notBefore
	ReasonQuota              = "quota"               // the namespace may not have more
	ReasonEvictionsFrozen    = "evictions-frozen"    // too many nodes were lost at once
	ReasonNameClaimed        = "name-claimed"        // another app has the DNS name
	ReasonPaused             = "paused"              // an operator paused the app
)

// Codes of the scheduler: why a unit is told to stop.
const (
	ReasonAppStopped  = "app-stopped"
	ReasonScaledDown  = "scaled-down"
	ReasonReplaced    = "replaced" // by another generation
	ReasonRescheduled = "rescheduled"
	ReasonRestarted   = "restarted" // a person asked for it
	ReasonDrained     = "drained"
	ReasonEvicted     = "evicted" // its node is lost
	ReasonDuplicate   = "duplicate"
)
