package systemd

import "github.com/nsched/nsched/units"

// limits says what the unit may use.
func limits(r units.Resources) []Property {
	list := []Property{
		{"CPUWeight", cpuWeight(r.CPU)},
		{"MemoryMax", uint64(r.MemoryMax)},
		{"MemorySwapMax", uint64(0)}, // a service that swaps is worse than one that is restarted
		// The reservation is protected from the memory pressure of others, as far as the slices above
		// pass it on (MemoryLow of nsched.slice); cgroup v1 has no such thing and ignores it.
		{"MemoryLow", uint64(r.Memory)},
	}
	if r.CPUMax > 0 {
		// Microseconds per second: a thousandth of a CPU is 1000. systemd lengthens the period for quotas
		// below 1 ms per 100 ms.
		list = append(list, Property{"CPUQuotaPerSecUSec", uint64(r.CPUMax) * 1000})
	}
	return list
}

// cpuWeight turns a reservation into systemd's weight, 1 to 10000, which only counts while CPUs are
// contended and only against siblings in the same slice.
//
// It is linear, since a reservation is a share: who reserves twice as much gets twice as much. One CPU is
// 100, systemd's default weight, so that a unit that reserves one CPU counts like an ordinary service.
// The range then ends at 100 CPUs; and below 10m reservations differ by less than the smallest weight.
func cpuWeight(cpu units.CPUMilli) uint64 {
	return uint64(min(max(cpu/10, 1), 10000))
}
