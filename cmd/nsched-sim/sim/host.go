package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nsched/nsched/units"
)

// Host is one simulated machine: two clocks and a link to etcd.
type Host struct {
	w    *World
	Name string

	booted time.Duration // world time of the last boot
	boots  int
	bootID string
	skew   time.Duration // wall clock's error
	down   bool
	// suspended: nothing on the machine runs, and its boot clock goes on.
	suspended bool
	rng       *rand.Rand // of delays and losses, so that what happens to one host shifts no other's
	Link      Link
	// slow is how much longer than usual the machine's own calls take, by the kind of task.
	slow map[string]time.Duration

	schedulerSeen, nodeSeen simSeen // on its disk

	onPowerOff func() // what else loses its power

	// CutTo and CutFrom lose what the host sends to etcd, and what etcd sends to it.
	CutTo, CutFrom bool
}

// AddHost adds a machine that has just booted.
func (w *World) AddHost(name string) *Host {
	h := &Host{w: w, Name: name, rng: w.source(name), slow: map[string]time.Duration{}}
	h.boot()
	w.hosts = append(w.hosts, h)
	return h
}

// Hosts returns the machines in the order they were added.
func (w *World) Hosts() []*Host { return w.hosts }

// BootID names the present boot.
func (h *Host) BootID() string { return h.bootID }

// boot begins another life of the machine.
func (h *Host) boot() {
	h.booted, h.boots = h.w.now, h.boots+1
	h.bootID = fmt.Sprintf("%s-boot-%d", h.Name, h.boots)
}

// Instant reads the host's clocks. Boot time begins a second after zero, so that a zero deadline is
// always past.
func (h *Host) Instant() units.Instant {
	return units.Instant{Wall: epoch.Add(h.w.now + h.skew), Boot: h.w.now - h.booted + time.Second}
}

// delay is how long the machine takes for anything.
func (h *Host) delay() time.Duration {
	return 200*time.Microsecond + time.Duration(h.rng.Int64N(int64(time.Millisecond)))
}

// lag is how much longer it takes for a task of that kind at present.
func (h *Host) lag(kind string) time.Duration {
	if most := h.slow[kind]; most > 0 {
		return time.Duration(h.rng.Int64N(int64(most)))
	}
	return 0
}

// chance is true with probability p. Nothing is drawn for a chance that is none.
func (h *Host) chance(p float64) bool { return p > 0 && h.rng.Float64() < p }

// uniform draws a duration from low..high.
func (h *Host) uniform(low, high time.Duration) time.Duration {
	return low + time.Duration(h.rng.Int64N(max(1, int64(high-low))))
}

// Suspend makes the whole machine stand still, as a laptop whose lid is closed, or a virtual machine
// that its host does not run. Its boot clock goes on; etcd knows nothing of it.
func (h *Host) Suspend() {
	if !h.down && !h.suspended {
		h.w.Trace.Add(h.w.now, "fault", h.Name+" suspended")
		h.suspended = true
	}
}

// Wake ends Suspend. Everything on the machine goes on where it was, and finds that time has passed.
func (h *Host) Wake() {
	if !h.suspended {
		return
	}
	h.w.Trace.Add(h.w.now, "fault", h.Name+" woke up")
	h.suspended = false
	for _, p := range h.w.procs {
		if p.host == h {
			p.release()
		}
	}
}

// Suspended reports whether the machine stands still.
func (h *Host) Suspended() bool { return h.suspended }

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
	h.down, h.suspended = true, false
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
	h.down = false
	h.boot()
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
