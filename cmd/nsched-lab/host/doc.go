// Package host runs real systemd hosts on one machine: a lab.
//
//	func TestMain(m *testing.M) {
//		host.Init() // the holder is this very program, started again
//		os.Exit(m.Run())
//	}
//
//	lab, err := host.Open(ctx, host.Options{})
//	defer lab.Close()
//	n1, err := lab.Boot(ctx, "n1")               // systemd as PID 1, about a second
//	out, err := n1.Exec(ctx, "systemctl", "is-system-running")
//	etcd, err := lab.Start(ctx, host.Command{Argv: []string{"etcd", …}})
//	conn, err := lab.DialContext(ctx, "tcp", "n1:7440")
//	err = n1.PowerOff(ctx)                       // a cut, not a shutdown
//	err = lab.Net().Partition(ctx, "n2")
//
// A lab lives in one process, the holder (package holder): a PID namespace with its own mounts and its
// own network. Programs that hosts should reach (etcd, a cache, DNS, a load generator) run inside the
// holder with Lab.Start, or in the calling process over sockets from Lab.DialContext and Lab.Listen,
// which belong to the lab's network wherever they are used.
//
//	10.77.0.1        the holder, named "lab"
//	10.77.0.11, …    the hosts in the order of their creation, by their names
//
// Every lab has a network of its own, so the plan is the same in all of them. There is no route out.
//
// Guarantees:
//
//   - When the process that called Open ends, however it ends, no process, mount, link or network
//     namespace of the lab remains (not with Options.Detach, where the lab is meant to stay). What
//     remains after a kill are empty cgroups and the lab's directory below StateDir with its logs;
//     the next Open, Sweep or "nsched-lab list" removes them, and only for labs whose holder is dead.
//   - Hosts have cgroups of their own. Equally named units on two hosts share nothing.
//   - A host's files and network faults survive PowerOff and PowerOn; its processes, /run and /tmp do
//     not.
//   - Nothing in a lab can set the machine's clock.
//
// Not promised: isolation from hostile code (hosts share the kernel), own clocks (all hosts share the
// machine's), network throughput through a delayed cable. The file systems are in memory. Files of the
// machine that change while a host is up may or may not be seen to change by the host: copy in what
// matters.
package host
