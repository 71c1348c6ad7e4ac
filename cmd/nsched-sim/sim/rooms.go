package sim

import "github.com/nsched/nsched/units"

// rooms is what the nodes have been given, unit by unit.
type rooms struct {
	given map[unitKey]room
	cpu   map[units.NodeName]int64
	ports map[units.NodeName]map[uint16]units.UnitID
}

type room struct {
	cpu   int64
	ports []uint16
}

func newRooms() rooms {
	return rooms{map[unitKey]room{}, map[units.NodeName]int64{}, map[units.NodeName]map[uint16]units.UnitID{}}
}

// room checks that a node has not been given more than it has, nor a port twice. A unit that is over takes
// nothing any more.
func (m *Watchman) room(k unitKey) {
	r := &m.rooms
	was, had := r.given[k]
	if had {
		delete(r.given, k)
		r.cpu[k.node] -= was.cpu
		for _, port := range was.ports {
			if r.ports[k.node][port] == k.id {
				delete(r.ports[k.node], port)
			}
		}
	}
	a, there := m.mirror.units[k]
	if !there || m.mirror.over(k) {
		return
	}
	takes := room{cpu: int64(m.spec(k.id).Resources.CPU)}
	if r.ports[k.node] == nil {
		r.ports[k.node] = map[uint16]units.UnitID{}
	}
	for _, port := range a.Ports { // order-free: each port for itself
		if other, taken := r.ports[k.node][port]; taken {
			m.fail(Capacity, "%s:%d was given to %s and to %s", k.node, port, other, k.id)
		}
		r.ports[k.node][port] = k.id
		takes.ports = append(takes.ports, port)
	}
	r.given[k] = takes
	r.cpu[k.node] += takes.cpu
	if has := m.mirror.nodes[k.node].Capacity.CPUMilli; has > 0 && !had && r.cpu[k.node] > has {
		m.fail(Capacity, "%s has %d mCPU and was given %d, the last for %s", k.node, has, r.cpu[k.node], k.id)
	}
}
