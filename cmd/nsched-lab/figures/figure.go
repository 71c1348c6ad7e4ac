package figures

// Unit of a figure's values.
type Unit string

// The units of measure.
const (
	Milliseconds Unit = "ms"
	PerSecond    Unit = "/s"
	Percent      Unit = "% of a core"
	MiB          Unit = "MiB"
	Count        Unit = ""
)

// Figure is one thing that is measured.
type Figure struct {
	Name  string // of its file
	Group string // what is measured together
	Title string
	// Start and End are the two moments between which time is taken, or for a count what is counted.
	Start, End string
	Observer   string
	Unit       Unit
	// Median and Worst are what must not be exceeded, where there is a target: HasMedian, HasWorst.
	Median, Worst       float64
	HasMedian, HasWorst bool
	// Limit is what limits a figure that misses its target, as far as is known.
	Limit string
}

// The groups, in the order in which they are measured.
const (
	GroupSubmit = "submit"
	GroupLeader = "leader"
	GroupDaemon = "daemon"
	GroupIdle   = "idle"
	GroupLoss   = "loss"
	GroupOutage = "outage"

	GroupFence    = "fence"
	GroupStorm    = "storm"
	GroupOverlap  = "overlap"
	GroupTogether = "together"
	GroupReload   = "reload"
	GroupCollect  = "collect"
	GroupRevoked  = "revoked"
	GroupHalf     = "half"
	GroupPair     = "pair"
	GroupTrio     = "trio"
)

// Groups lists them.
func Groups() []string {
	return []string{
		GroupSubmit, GroupLeader, GroupDaemon, GroupIdle, GroupLoss, GroupOutage,
		GroupFence, GroupStorm, GroupOverlap, GroupTogether, GroupReload, GroupCollect, GroupRevoked, GroupHalf, GroupPair, GroupTrio,
	}
}

// The figures, by the names of their files.
const (
	SubmitPresent   = "submit-present"
	SubmitOwn       = "submit-own-start"
	SubmitReturns   = "submit-returns"
	SubmitFetched   = "submit-fetched"
	LeaderKilled    = "leader-killed"
	LeaderStopped   = "leader-stopped"
	HostLost        = "host-lost"
	DaemonAdopts    = "daemon-adopts"
	DaemonRestarts  = "daemon-restarts"
	DaemonFailed    = "daemon-failed-requests"
	DaemonPause     = "daemon-longest-pause"
	OutageStopped   = "etcd-outage-stopped"
	OutageConverged = "etcd-outage-converged"
	IdleWrites      = "idle-etcd-writes"
	IdleSchedCPU    = "idle-scheduler-cpu"
	IdleSchedMemory = "idle-scheduler-memory"
	IdleGuardCPU    = "idle-guard-cpu"
	IdleGuardMemory = "idle-guard-memory"
	IdleNodeCPU     = "idle-daemon-cpu"
	IdleNodeMemory  = "idle-daemon-memory"

	GuardStopped      = "guard-stopped"
	GuardStorm        = "guard-stopped-storm"
	SingletonOverlap  = "singleton-overlap"
	FaultConverged    = "fault-converged"
	FaultLost         = "fault-lost"
	TogetherConverged = "leader-and-node-lost"
	TogetherEtcd      = "leaders-and-node-lost"
	ReloadChanged     = "reload-changed"
	ReloadLost        = "reload-lost"
	CollectMissing    = "collect-missing"
	RevokedEvicted    = "revoked-evicted"
	RevokedUnnamed    = "revoked-unnamed"
	HalfEvicted       = "half-evicted"
	OneOfTwo          = "one-of-two-lost"
	OneOfThree        = "one-of-three-lost"
)

const (
	witnessAndClient = "witness and client in the lab"
	etcdWatch        = "etcd watch"
	kernel           = "/proc, read in the host"
)

// All returns every figure, in the order of the table.
func All() []Figure {
	return append(times(), hurtFigures()...)
}

// times are the figures of clusters that nobody hurts on purpose but in the one way that is measured.
func times() []Figure {
	return []Figure{
		{
			Name: SubmitPresent, Group: GroupSubmit, Title: "submit, closure on the node", Unit: Milliseconds,
			Start: "the CLI's process starts", End: "the service's first answer", Observer: witnessAndClient,
			Median: 500, HasMedian: true,
		},
		{
			Name: SubmitOwn, Group: GroupSubmit, Title: "of that, the service's own start", Unit: Milliseconds,
			Start: "systemd begins to start the unit", End: "the service's first answer", Observer: "systemd, witness and client in the lab",
		},
		{
			Name: SubmitReturns, Group: GroupSubmit, Title: "the same, until the CLI says so", Unit: Milliseconds,
			Start: "the CLI's process starts", End: "it has ended with 0", Observer: "the CLI's parent",
		},
		{
			Name: SubmitFetched, Group: GroupSubmit, Title: "submit, closure from the cache", Unit: Milliseconds,
			Start: "the CLI's process starts", End: "the service's first answer", Observer: witnessAndClient,
		},
		{
			Name: HostLost, Group: GroupLoss, Title: "host loses power", Unit: Milliseconds,
			Start: "power is cut, lease TTL 15 s", End: "the replacement's first answer", Observer: witnessAndClient,
			Median: 17_000, HasMedian: true, Worst: 20_000, HasWorst: true,
		},
		{
			Name: LeaderKilled, Group: GroupLeader, Title: "leader killed (SIGKILL)", Unit: Milliseconds,
			Start: "before the kill, lease TTL 5 s", End: "first placement by a higher term", Observer: etcdWatch,
			Worst: 6_000, HasWorst: true,
		},
		{
			Name: LeaderStopped, Group: GroupLeader, Title: "leader stopped cleanly", Unit: Milliseconds,
			Start: "before systemctl stop", End: "first placement by a higher term", Observer: etcdWatch,
			Worst: 500, HasWorst: true,
		},
		{
			Name: DaemonAdopts, Group: GroupDaemon, Title: "daemon killed and back, assignments changed meanwhile", Unit: Milliseconds,
			Start: "systemd starts the new daemon", End: "the change is carried out and the node ready", Observer: "systemd, witness and client in the lab",
			Worst: 2_000, HasWorst: true,
		},
		{
			Name: DaemonRestarts, Group: GroupDaemon, Title: "services restarted by that", Unit: Count,
			Start: "another PID or InvocationID", End: "in each kill", Observer: "systemd and witness", HasWorst: true,
		},
		{
			Name: DaemonFailed, Group: GroupDaemon, Title: "requests failed by that", Unit: Count,
			Start: "50 new connections a second", End: "in each kill", Observer: "client in the lab", HasWorst: true,
		},
		{
			Name: DaemonPause, Group: GroupDaemon, Title: "longest time between two answers", Unit: Milliseconds,
			Start: "an answer", End: "the next one, in each kill", Observer: "client in the lab",
		},
		{
			Name: OutageStopped, Group: GroupOutage, Title: "units stopped by 60 s without etcd", Unit: Count,
			Start: "etcd is killed", End: "all is converged", Observer: "witness in the lab", HasWorst: true,
		},
		{
			Name: OutageConverged, Group: GroupOutage, Title: "converged after these 60 s", Unit: Milliseconds,
			Start: "etcd answers again", End: "every node is ready and a new unit answers", Observer: witnessAndClient,
			Worst: 10_000, HasWorst: true,
		},
		{
			Name: IdleWrites, Group: GroupIdle, Title: "idle, 3 nodes and 50 units: writes to etcd", Unit: PerSecond,
			Start: "each revision is a write", End: "in 10 s", Observer: "etcd's revision",
		},
		idle(IdleSchedCPU, "idle: leading scheduler, CPU", Percent), idle(IdleSchedMemory, "idle: leading scheduler, memory", MiB),
		idle(IdleGuardCPU, "idle: guard, CPU", Percent), idle(IdleGuardMemory, "idle: guard, memory", MiB),
		idle(IdleNodeCPU, "idle: daemon with a third of the units, CPU", Percent), idle(IdleNodeMemory, "idle: daemon, memory", MiB),
	}
}

func idle(name, title string, unit Unit) Figure {
	f := Figure{Name: name, Group: GroupIdle, Title: title, Unit: unit, Start: "CPU time used", End: "in 10 s", Observer: kernel}
	if unit == MiB {
		f.Start, f.End = "resident memory", "looked at every 10 s"
	}
	return f
}
