package sim

import (
	"math/rand/v2"
	"strings"
	"time"
)

// hostFaults are what happens to whole machines.
var hostFaults = []Fault{
	{Name: "power loss", Weight: 3, Least: time.Second, Most: 90 * time.Second, Aim: anyHost, Strike: onHost(powerLoss)},
	{Name: "reboot", Weight: 3, Least: 5 * time.Second, Most: 90 * time.Second, Aim: anyNode, Strike: onNode(reboot)},
	{Name: "power loss of a room", Weight: 2, Least: 5 * time.Second, Most: 2 * time.Minute, Aim: aRoom, Strike: func(w *World, s Strike) func() {
		var room []*NodeHost
		for name := range strings.SplitSeq(s.Target, ",") {
			if n := w.node(name); n != nil {
				room = append(room, n)
				n.PowerOff()
			}
		}
		return func() {
			for _, n := range room {
				n.PowerOn()
			}
		}
	}},
	{Name: "leader and node lost", Weight: 1, Least: 5 * time.Second, Most: 2 * time.Minute, Aim: anyNode, Strike: onNode(leaderAndNode)},
	{Name: "suspend", Weight: 1, Least: time.Second, Most: 3 * time.Minute, Aim: anyHost, Strike: onHost(func(_ *World, _ Strike, h *Host) func() {
		h.Suspend()
		return h.Wake
	})},
	{Name: "wall clock step", Weight: 2, Aim: anyHost, Strike: onHost(func(w *World, s Strike, h *Host) func() {
		h.Step(uniform(s.draws(w), -time.Hour, time.Hour))
		return nil
	})},
}

func powerLoss(_ *World, _ Strike, h *Host) func() {
	h.PowerOff()
	return h.PowerOn
}

// leaderAndNode cuts a machine's power and kills whoever leads: at once, or as late as lets the machine's lease end
// while nobody leads. Who leads then never saw it alive.
func leaderAndNode(w *World, s Strike, n *NodeHost) func() {
	var p *Process
	healed := false
	n.PowerOff()
	kill := func() {
		if p = w.leading(); p != nil && !healed {
			p.Kill()
		}
	}
	if s.Pick%2 == 0 {
		kill()
	} else {
		w.After(uniform(s.draws(w), 9*time.Second, 14*time.Second), kill)
	}
	return func() {
		healed = true
		n.PowerOn()
		if p != nil {
			p.Start()
		}
	}
}

// aRoom draws two to four machines that lose their power together.
func aRoom(c Cast, r *rand.Rand) (string, bool) {
	var room []string
	for _, i := range r.Perm(len(c.Nodes))[:min(len(c.Nodes), 2+r.IntN(3))] {
		room = append(room, c.Nodes[i])
	}
	return strings.Join(room, ","), len(room) > 1
}
