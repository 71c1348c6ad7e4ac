package sim

import "time"

// processFaults are what happens to single processes.
var processFaults = []Fault{
	{Name: "crash", Weight: 5, Most: 20 * time.Second, Aim: anyProcess, Strike: onProcess(crash)},
	{Name: "pause", Weight: 4, Least: time.Second, Most: 40 * time.Second, Aim: anyProcess, Strike: onProcess(pause)},
	{Name: "long pause", Weight: 2, Least: time.Minute, Most: 5 * time.Minute, Aim: anyProcess, Strike: onProcess(pause)},
	{Name: "leader crash", Weight: 2, Most: 40 * time.Second, Aim: anyScheduler, Strike: func(w *World, s Strike) func() {
		if p := w.leading(); p != nil {
			return crash(w, s, p)
		}
		return nil
	}},
	{Name: "leader pause", Weight: 2, Least: time.Second, Most: 2 * time.Minute, Aim: anyScheduler, Strike: func(w *World, s Strike) func() {
		if p := w.leading(); p != nil {
			return pause(w, s, p)
		}
		return nil
	}},
}

func crash(_ *World, _ Strike, p *Process) func() {
	p.Kill()
	return p.Start
}

func pause(_ *World, _ Strike, p *Process) func() {
	p.Pause()
	return p.Resume
}
