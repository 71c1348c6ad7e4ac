package sim

import (
	"fmt"
	"time"

	"github.com/nsched/nsched/units"
)

// Host is one simulated machine: two clocks and a link to etcd.
type Host struct {
	w    *World
	Name string

	booted time.Duration // world time of the last boot
	boots  int
	skew   time.Duration // wall clock's error
	down   bool

	schedulerSeen, nodeSeen simSeen // on its disk

	onPowerOff func() // what else loses its power

	// CutTo and CutFrom lose what the host sends to etcd, and what etcd sends to it.
	CutTo, CutFrom bool
}

// AddHost adds a machine that has just booted.
func (w *World) AddHost(name string) *Host {
	h := &Host{w: w, Name: name, booted: w.now, boots: 1}
	w.hosts = append(w.hosts, h)
	return h
}

// Hosts returns the machines in the order they were added.
func (w *World) Hosts() []*Host { return w.hosts }

// BootID names the present boot.
func (h *Host) BootID() string { return fmt.Sprintf("%s-boot-%d", h.Name, h.boots) }

// Instant reads the host's clocks. Boot time begins a second after zero, so that a zero deadline is
// always past.
func (h *Host) Instant() units.Instant {
	return units.Instant{Wall: epoch.Add(h.w.now + h.skew), Boot: h.w.now - h.booted + time.Second}
}

// Step moves the host's wall clock by d; the boot clock never steps.
func (h *Host) Step(d time.Duration) {
	h.skew += d
	h.w.Trace.Add(h.w.now, "fault", fmt.Sprintf("%s wall clock stepped %v", h.Name, d))
}

// PowerOff kills every process on the host at once; what they kept on disk stays.
func (h *Host) PowerOff() {
	if h.down {
		return
	}
	h.w.Trace.Add(h.w.now, "fault", h.Name+" power off")
	h.down = true
	for _, p := range h.w.procs {
		if p.host == h {
			p.die()
		}
	}
	if h.onPowerOff != nil {
		h.onPowerOff()
	}
}

// PowerOn boots the host and starts its processes.
func (h *Host) PowerOn() {
	if !h.down {
		return
	}
	h.w.Trace.Add(h.w.now, "fault", h.Name+" power on")
	h.down, h.booted, h.boots = false, h.w.now, h.boots+1
	for _, p := range h.w.procs {
		if p.host == h {
			p.Start()
		}
	}
}

// Cut sets which directions between the host and etcd lose everything.
func (h *Host) Cut(to, from bool) {
	h.w.Trace.Add(h.w.now, "fault", fmt.Sprintf("%s cut to=%v from=%v", h.Name, to, from))
	h.CutTo, h.CutFrom = to, from
	if !to && !from {
		h.w.Net.healed(h)
	}
}
