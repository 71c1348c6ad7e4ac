package placement

import (
	"math/bits"
	"slices"

	"github.com/nsched/nsched/units"
)

// Ports are counted by protocol; a node's addresses all share them.
const (
	tcp = iota
	udp
	protocols
)

func protocolOf(p units.Protocol) uint8 {
	if p == units.UDP {
		return udp
	}
	return tcp
}

var protocolNames = [protocols]units.Protocol{units.TCP, units.UDP}

// ask is a port that a unit wants; port 0 is any of the dynamic range.
type ask struct {
	name     string
	protocol uint8
	port     uint16
}

const dynamicPorts = units.DynamicPortLast - units.DynamicPortFirst + 1

func dynamicPort(port uint16) bool {
	return units.DynamicPortFirst <= port && port <= units.DynamicPortLast
}

// portKey is a protocol and a number, ordered by both.
type portKey uint32

func keyOf(protocol uint8, port uint16) portKey { return portKey(protocol)<<16 | portKey(port) }
func (k portKey) protocol() uint8               { return uint8(k >> 16) }
func (k portKey) port() uint16                  { return uint16(k) }

// portSet is what is taken on one node: by units, once per unit that has it, and for good.
type portSet struct {
	used []portKey // sorted; a key that two units were given by mistake is there twice
	kept []units.PortRange
	busy []portKey // sorted
}

func newPortSet(reserved []units.PortRange, busy []BusyPort) portSet {
	var set portSet
	set.kept = slices.Clone(reserved)
	for _, b := range busy {
		set.busy = append(set.busy, keyOf(protocolOf(b.Protocol), b.Port))
	}
	slices.Sort(set.busy)
	return set
}

// never reports whether the node keeps the port from all units.
func (s *portSet) never(key portKey) bool {
	for _, r := range s.kept {
		if r.First <= key.port() && key.port() <= r.Last {
			return true
		}
	}
	_, busy := slices.BinarySearch(s.busy, key)
	return busy
}

func (s *portSet) has(key portKey) bool {
	_, found := slices.BinarySearch(s.used, key)
	return found
}

func (s *portSet) free(key portKey) bool { return !s.has(key) && !s.never(key) }

// add returns whether the key is new to the set.
func (s *portSet) add(key portKey) bool {
	i, found := slices.BinarySearch(s.used, key)
	s.used = slices.Insert(s.used, i, key)
	return !found
}

// remove returns whether that was the key's last holder.
func (s *portSet) remove(key portKey) bool {
	i, found := slices.BinarySearch(s.used, key)
	if !found {
		return false
	}
	s.used = slices.Delete(s.used, i, i+1)
	return i == len(s.used) || s.used[i] != key
}

// dynamicFree counts what is left of the dynamic range.
func (s *portSet) dynamicFree() (left [protocols]int32) {
	for protocol := range uint8(protocols) {
		var taken [dynamicPorts/64 + 1]uint64
		take := func(port uint16) {
			if dynamicPort(port) {
				i := port - units.DynamicPortFirst
				taken[i/64] |= 1 << (i % 64)
			}
		}
		for _, r := range s.kept {
			for p := max(int(r.First), units.DynamicPortFirst); p <= min(int(r.Last), units.DynamicPortLast); p++ {
				take(uint16(p))
			}
		}
		for _, keys := range [][]portKey{s.used, s.busy} {
			for _, key := range keys {
				if key.protocol() == protocol {
					take(key.port())
				}
			}
		}
		left[protocol] = dynamicPorts
		for _, word := range taken {
			left[protocol] -= int32(bits.OnesCount64(word))
		}
	}
	return left
}

// choose returns a port for each ask, in their order, or false if there is not one for each. Dynamic
// ports begin at a place that seed gives, so that a new attempt does not meet the same stranger again.
func (s *portSet) choose(asks []ask, seed uint64) ([]portKey, bool) {
	var chosen []portKey
	for _, a := range asks {
		key := keyOf(a.protocol, a.port)
		if a.port != 0 {
			if !s.free(key) {
				return nil, false
			}
			chosen = append(chosen, key)
			continue
		}
		first := int(mix(seed, hashText(fnvOffset, a.name)) % dynamicPorts)
		found := false
		for i := 0; i < dynamicPorts && !found; i++ {
			key = keyOf(a.protocol, uint16(units.DynamicPortFirst+(first+i)%dynamicPorts))
			found = s.free(key) && !slices.Contains(chosen, key)
		}
		if !found {
			return nil, false
		}
		chosen = append(chosen, key)
	}
	return chosen, true
}
