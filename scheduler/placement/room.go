package placement

import "github.com/nsched/nsched/units"

// room is an amount of what is counted, or what is left of it, which may be below zero.
type room struct{ cpu, memory, disk int64 }

// Amounts go up to 2^63-1, and sums of them must not wrap around. A node never offers more than
// offerLimit (32 PiB); what a unit wants beyond that is cut at wantLimit, which still fits nowhere.
const (
	offerLimit = 1 << 55
	wantLimit  = 1 << 56
)

func roomOf(c units.Capacity, limit int64) room {
	return room{cpu: min(c.CPUMilli, limit), memory: min(c.MemoryBytes, limit), disk: min(c.DiskBytes, limit)}
}

func (r room) minus(o room) room {
	return room{r.cpu - o.cpu, r.memory - o.memory, r.disk - o.disk}
}

func (r room) plus(o room) room {
	return room{r.cpu + o.cpu, r.memory + o.memory, r.disk + o.disk}
}

// beyond returns what r has more than o in each dimension.
func (r room) beyond(o room) room {
	return room{max(0, r.cpu-o.cpu), max(0, r.memory-o.memory), max(0, r.disk-o.disk)}
}

// shares returns the mean square of the shares of total that would be left of free after need: 0 is a
// full node, 1 an empty one. Dimensions that the node does not have are left out. Products are converted
// explicitly, so that no machine fuses them and all get the same number.
func shares(free, total, need room) float64 {
	sum, n := 0.0, 0.0
	for _, d := range [3][3]int64{
		{free.cpu, total.cpu, need.cpu},
		{free.memory, total.memory, need.memory},
		{free.disk, total.disk, need.disk},
	} {
		if d[1] <= 0 {
			continue
		}
		share := float64(d[0]-d[2]) / float64(d[1])
		sum += float64(share * share)
		n++
	}
	if n == 0 {
		return 0
	}
	return sum / n
}
