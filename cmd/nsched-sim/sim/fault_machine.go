package sim

import "time"

// machineFaults are what happens to the parts of a machine that the daemon and the guard lean on.
var machineFaults = []Fault{
	{Name: "systemd slow", Weight: 1, Least: time.Second, Most: time.Minute, Aim: anyNode, Strike: slowly(10*time.Second, "start", "stop", "reset", "list", "stop-bound")},
	{Name: "systemd failing", Weight: 2, Least: time.Second, Most: time.Minute, Aim: anyNode, Strike: onNode(func(_ *World, _ Strike, n *NodeHost) func() {
		n.systemdFails = 0.5
		return func() { n.systemdFails = 0 }
	})},
	{Name: "D-Bus hanging", Weight: 2, Least: time.Second, Most: time.Minute, Aim: anyNode, Strike: onNode(func(_ *World, _ Strike, n *NodeHost) func() {
		n.Systemd.Hang(true)
		return func() { n.Systemd.Hang(false) }
	})},
	{Name: "PID 1 saturated", Weight: 2, Least: time.Second, Most: 40 * time.Second, Aim: anyNode, Strike: onNode(func(_ *World, _ Strike, n *NodeHost) func() {
		n.saturate(true)
		return func() { n.saturate(false) }
	})},
	{Name: "Nix slow", Weight: 1, Least: 5 * time.Second, Most: 2 * time.Minute, Aim: anyNode, Strike: slowly(time.Minute, "realise")},
	{Name: "Nix failing", Weight: 2, Least: time.Second, Most: time.Minute, Aim: anyNode, Strike: onNode(func(_ *World, _ Strike, n *NodeHost) func() {
		n.nixFails = 0.7
		return func() { n.nixFails = 0 }
	})},
	{Name: "Nix hanging", Weight: 1, Least: 5 * time.Second, Most: 2 * time.Minute, Aim: anyNode, Strike: onNode(func(_ *World, _ Strike, n *NodeHost) func() {
		n.nixHangs = true
		return n.unhang
	})},
	{Name: "cache away", Weight: 1, Least: 5 * time.Second, Most: 2 * time.Minute, Aim: theNodes, Strike: func(w *World, _ Strike) func() {
		w.cacheAway = true
		return func() { w.cacheAway = false }
	}},
	{Name: "disk full", Weight: 1, Least: time.Second, Most: time.Minute, Aim: anyNode, Strike: onNode(func(_ *World, _ Strike, n *NodeHost) func() {
		n.diskFull = true
		return func() { n.diskFull = false }
	})},
	{Name: "/run full", Weight: 1, Least: time.Second, Most: time.Minute, Aim: anyNode, Strike: onNode(func(_ *World, _ Strike, n *NodeHost) func() {
		n.runFull = true
		n.Systemd.FailNotes(true)
		return func() {
			n.runFull = false
			n.Systemd.FailNotes(false)
		}
	})},
}

// slowly makes calls of some kinds take up to most longer.
func slowly(most time.Duration, kinds ...string) func(*World, Strike) func() {
	return onNode(func(_ *World, _ Strike, n *NodeHost) func() {
		for _, kind := range kinds {
			n.slow[kind] = most
		}
		return func() {
			for _, kind := range kinds {
				delete(n.slow, kind)
			}
		}
	})
}
