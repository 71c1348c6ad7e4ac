package sim

import (
	"syscall"
	"time"

	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
)

// unitFaults are what happens to the apps themselves.
var unitFaults = []Fault{
	{Name: "unit dies", Weight: 4, Aim: anyNode, Strike: onNode(func(w *World, s Strike, n *NodeHost) func() {
		live := n.Systemd.Live()
		if len(live) == 0 {
			return nil
		}
		r := s.draws(w)
		end := pick(r, []systemd.Program{{ExitCode: 3}, {}, {Signal: syscall.SIGSEGV}, {OOM: true}})
		n.Systemd.Die(pick(r, live), end)
		return nil
	})},
	{Name: "unit crashes on and on", Weight: 2, Least: 10 * time.Second, Most: 4 * time.Minute, Aim: anyNode, Strike: onNode(func(w *World, s Strike, n *NodeHost) func() {
		live := n.Systemd.Live()
		if len(live) == 0 {
			return nil
		}
		id := pick(s.draws(w), live)
		n.crashing[id.AppID()] = true
		n.Systemd.Die(id, systemd.Program{ExitCode: 1})
		return func() { delete(n.crashing, id.AppID()) }
	})},
	{Name: "checks fail", Weight: 2, Least: time.Second, Most: 2 * time.Minute, Aim: anyNode, Strike: onNode(func(w *World, s Strike, n *NodeHost) func() {
		var of units.AppID // of all apps, unless one is drawn
		if live := n.Systemd.Live(); len(live) > 0 && s.Pick%3 != 0 {
			of = pick(s.draws(w), live).AppID()
		}
		n.sick[of] = true
		return func() { delete(n.sick, of) }
	})},
	{Name: "units stop slowly", Weight: 2, Least: 10 * time.Second, Most: 3 * time.Minute, Aim: anyNode, Strike: onNode(func(_ *World, _ Strike, n *NodeHost) func() {
		n.lingering = true
		return func() { n.lingering = false }
	})},
}
