package figures

// Who looks where a cluster is hurt.
const (
	witnessOutside = "witness, over a socket of its own"
	witnessAndEtcd = "witness, and etcd's history from every member"
)

// fenceWithin is when a singleton of a stopped guard must be dead: 6 s after the latest renewal that was
// acknowledged, its stop time of 2 s, and half a second for everything that is not exact.
const fenceWithin = 6_000 + 2_000 + 500

// hurtFigures are the figures of clusters that are hurt.
func hurtFigures() []Figure {
	none := func(f Figure) Figure {
		f.HasWorst = true // and the worst is 0
		return f
	}
	return []Figure{
		{
			Name: GuardStopped, Group: GroupFence, Title: "guard stopped (SIGSTOP), singleton that ignores its stop", Unit: Milliseconds,
			Start: "before the signal", End: "its process has ended; stop time 2 s", Observer: witnessOutside,
			Worst: fenceWithin, HasWorst: true,
		},
		{
			Name: GuardStorm, Group: GroupStorm, Title: "the same under two loops of daemon-reload with 400 units", Unit: Milliseconds,
			Start: "before the signal", End: "its process has ended; stop time 2 s", Observer: witnessOutside,
			Worst: fenceWithin, HasWorst: true,
		},
		none(Figure{
			Name: SingletonOverlap, Group: GroupOverlap, Title: "singletons running twice, by fault", Unit: Milliseconds,
			Start: "two processes of one of three singletons", End: "one of them has ended, summed up for each fault", Observer: witnessOutside,
		}),
		{
			Name: FaultConverged, Group: GroupOverlap, Title: "converged after a fault", Unit: Milliseconds,
			Start: "the fault has ended", End: "every unit runs and answers, every node is ready", Observer: witnessAndEtcd,
			Worst: 60_000, HasWorst: true,
		},
		none(Figure{
			Name: FaultLost, Group: GroupOverlap, Title: "units lost by a fault", Unit: Count,
			Start: "not as wanted", End: "five minutes after the fault's end", Observer: witnessAndEtcd,
		}),
		{
			Name: TogetherConverged, Group: GroupTogether, Title: "leader killed and a node's power cut at once", Unit: Milliseconds,
			Start: "before both, lease TTL 15 s", End: "all that ran there runs elsewhere and answers", Observer: witnessAndEtcd,
			Worst: 35_000, HasWorst: true,
		},
		{
			Name: TogetherEtcd, Group: GroupTogether, Title: "the same, and the leading etcd member of three killed", Unit: Milliseconds,
			Start: "before all three, lease TTL 15 s", End: "all that ran there runs elsewhere and answers", Observer: witnessAndEtcd,
		},
		none(Figure{
			Name: ReloadChanged, Group: GroupReload, Title: "daemon-reload: arguments, process or invocation changed", Unit: Count,
			Start: "units of all nodes", End: "after each reload", Observer: "/proc, read outside of the hosts",
		}),
		none(Figure{
			Name: ReloadLost, Group: GroupReload, Title: "daemon-reload: units lost", Unit: Count,
			Start: "units of all nodes", End: "after each reload", Observer: witnessOutside,
		}),
		none(Figure{
			Name: CollectMissing, Group: GroupCollect, Title: "realised and started under nix-store --gc without a pause: paths or units missing", Unit: Count,
			Start: "20 packages that no node has", End: "all of them run, in each submit", Observer: "witness; Nix and /proc on each node",
		}),
		none(Figure{
			Name: RevokedEvicted, Group: GroupRevoked, Title: "all leases revoked at once: evictions", Unit: Count,
			Start: "the first revocation", End: "20 s later and converged", Observer: "etcd's history from every member",
		}),
		none(Figure{
			Name: RevokedUnnamed, Group: GroupRevoked, Title: "all leases revoked at once: DNS records removed", Unit: Count,
			Start: "the first revocation", End: "20 s later and converged", Observer: "etcd's history from every member",
		}),
		none(Figure{
			Name: HalfEvicted, Group: GroupHalf, Title: "half of four nodes cut off at once: evictions", Unit: Count,
			Start: "both cables pulled, for 40 s", End: "back and converged", Observer: "etcd's history from every member",
		}),
		{
			Name: OneOfTwo, Group: GroupPair, Title: "one of two nodes loses power", Unit: Milliseconds,
			Start: "power is cut, lease TTL 15 s", End: "its unit's replacement has started", Observer: witnessOutside,
			Worst: 20_000, HasWorst: true,
		},
		{
			Name: OneOfThree, Group: GroupTrio, Title: "one of three nodes loses power", Unit: Milliseconds,
			Start: "power is cut, lease TTL 15 s", End: "its unit's replacement has started", Observer: witnessOutside,
			Worst: 20_000, HasWorst: true,
		},
	}
}
