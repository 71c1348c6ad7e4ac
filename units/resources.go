package units

// Resources is what one unit gets.
type Resources struct {
	CPU       CPUMilli // reserved; also its share when CPUs are contended
	CPUMax    CPUMilli // the most it may use; 0 is no limit
	Memory    Bytes    // reserved
	MemoryMax Bytes    // the most it may use before the kernel kills it; swap is never used
	Disk      Bytes    // reserved for what it writes, beside its closure
	Devices   map[string]int
}

// Capacity returns what is taken from a node that runs one unit.
func (r Resources) Capacity() Capacity {
	c := Capacity{CPUMilli: int64(r.CPU), MemoryBytes: int64(r.Memory), DiskBytes: int64(r.Disk)}
	for name, n := range r.Devices {
		if c.Devices == nil {
			c.Devices = make(map[string]int64, len(r.Devices))
		}
		c.Devices[name] = int64(n)
	}
	return c
}
