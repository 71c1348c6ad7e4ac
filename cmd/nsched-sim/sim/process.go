package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

// Life is what a process is made of anew each time it starts: its shell, and what it is handed.
type Life struct {
	Host *Host
	KV   registry.KV
	Mail *loop.Mailbox
	Exec loop.Executor
}

// Process is one shell on a host, over all its lives.
type Process struct {
	w    *World
	host *Host
	Name string
	make func(Life) loop.Stepper

	life     int   // raised by every start and death, so that events of an earlier life are known
	heard    int64 // the latest revision that etcd has told the latest life of
	running  bool
	began    time.Duration // when the latest life did
	paused   bool
	pausedAt time.Duration
	held     []func() // what its executor had not come to when it was paused
	shell    loop.Stepper
	mail     *loop.Mailbox
	cancel   context.CancelFunc
	ctx      context.Context
	wakeAt   time.Duration // 0: no wake-up is due
	poked    bool
	steps    int
	// stepsBefore is what steps was a virtual second ago.
	stepsBefore int
	// What a process manager does about a process.
	onStart, onEnd, onPause func()
}

// AddProcess adds a process that is not started yet.
func (w *World) AddProcess(h *Host, name string, make func(Life) loop.Stepper) *Process {
	p := &Process{w: w, host: h, Name: name, make: make}
	w.procs = append(w.procs, p)
	return p
}

// Processes returns every process in the order they were added.
func (w *World) Processes() []*Process { return w.procs }

// Shell returns the living shell, or nil.
func (p *Process) Shell() loop.Stepper {
	if !p.running {
		return nil
	}
	return p.shell
}

// Host returns where the process lives.
func (p *Process) Host() *Host { return p.host }

// Running reports whether the process lives; a paused one does.
func (p *Process) Running() bool { return p.running }

// Start begins a new life unless one is under way or the host is down.
func (p *Process) Start() {
	if p.running || p.host.down {
		return
	}
	p.life++
	p.running, p.paused, p.wakeAt, p.poked, p.held, p.began, p.heard = true, false, 0, false, nil, p.w.now, 0
	p.ctx, p.cancel = context.WithCancel(p.w.ctx)
	p.mail = loop.NewMailbox()
	p.w.Trace.Add(p.w.now, "start", p.Name)
	p.shell = p.make(Life{Host: p.host, KV: p.w.Net.link(p), Mail: p.mail, Exec: &executor{p: p, life: p.life}})
	p.poke()
	if p.onStart != nil {
		p.onStart()
	}
}

// Kill ends the life at once, as SIGKILL does: what is in flight may still be applied.
func (p *Process) Kill() {
	if p.running {
		p.w.Trace.Add(p.w.now, "fault", p.Name+" killed")
		p.die()
	}
}

func (p *Process) die() {
	if !p.running {
		return
	}
	p.life++
	p.running, p.paused, p.held = false, false, nil
	p.cancel()
	p.shell = nil
	p.w.Net.died(p)
	if p.onEnd != nil {
		p.onEnd()
	}
}

// Pause stops the process, as SIGSTOP does: its clocks, its requests in flight and the world go on.
func (p *Process) Pause() {
	if p.running && !p.paused {
		p.w.Trace.Add(p.w.now, "fault", p.Name+" paused")
		p.paused, p.pausedAt = true, p.w.now
		if p.onPause != nil {
			p.onPause()
		}
	}
}

// Resume ends a pause.
func (p *Process) Resume() {
	if p.running && p.paused {
		p.w.Trace.Add(p.w.now, "fault", p.Name+" resumed")
		p.paused = false
		p.release()
	}
}

// release does what had to wait while the process, or its machine, stood still.
func (p *Process) release() {
	if p.frozen() {
		return
	}
	held := p.held
	p.held = nil
	for _, do := range held {
		do()
	}
	p.poke()
}

// frozen reports whether the process gets no time from its machine.
func (p *Process) frozen() bool { return p.paused || p.host.suspended }

// post hands an event to the life it belongs to.
func (p *Process) post(life int, e loop.Event) {
	if life != p.life || e == nil {
		return
	}
	p.mail.Post(e)
	p.poke()
}

// poke makes a Step due now.
func (p *Process) poke() {
	if p.poked || !p.running || p.frozen() {
		return
	}
	p.poked = true
	life := p.life
	p.w.After(0, func() {
		if life == p.life {
			p.poked = false
			p.step()
		}
	})
}

func (p *Process) step() {
	if !p.running || p.frozen() {
		return
	}
	now := p.host.Instant()
	next, err := p.shell.Step(p.ctx, now)
	p.steps++
	if err != nil {
		p.w.fail(fmt.Errorf("%s: step: %w", p.Name, err))
		return
	}
	if p.mail.Len() > 0 {
		p.poke()
	}
	if next.Boot == 0 {
		p.wakeAt = 0
		return
	}
	at := p.w.now + max(time.Microsecond, next.Boot-now.Boot)
	if p.wakeAt == at {
		return
	}
	p.wakeAt = at
	life := p.life
	p.w.After(at-p.w.now, func() {
		if life == p.life && p.wakeAt == at {
			p.wakeAt = 0
			p.step()
		}
	})
}

// executor runs the tasks of one life of a process in virtual time.
type executor struct {
	p    *Process
	life int
}

// here are the kinds of task that never leave the machine.
var here = map[string]bool{
	"load": true, "save": true, "forget": true, "contact": true, "seen-load": true, "seen-save": true,
	"realise": true, "roots": true, "unroot": true, "start": true, "stop": true, "reset": true, "list": true,
	"ports": true, "describe": true, "tidy": true, "check": true, "guard": true,
	"list-bound": true, "look-bound": true, "stop-bound": true, "kill-bound": true,
}

// asked are those of them that only look: between the question and the answer nothing changes by them,
// so they cost one event and not two.
var asked = map[string]bool{"check": true, "guard": true, "seen-save": true, "contact": true, "list-bound": true, "look-bound": true}

// Start implements loop.Executor. The task is performed after the way there and its event arrives
// after the way back. The process may have died by then: what it sent is performed all the same. What a
// process that is paused had not sent yet is done when it goes on, however late.
func (x *executor) Start(t loop.Task) {
	w := x.p.w
	sent := w.now
	switch {
	case asked[t.Kind]:
		x.perform(t, sent)
	case here[t.Kind]:
		w.After(x.p.host.delay()+x.p.host.lag(t.Kind), func() { x.perform(t, sent) })
	default:
		w.After(w.Net.delay(x.p.host), func() { x.perform(t, sent) })
	}
}

func (x *executor) perform(t loop.Task, sent time.Duration) {
	w, p := x.p.w, x.p
	h := p.host
	if h.down {
		return
	}
	if x.life == p.life && (h.suspended || p.paused && h.rng.IntN(2) == 0) {
		p.held = append(p.held, func() { x.perform(t, sent) })
		return
	}
	w.Trace.Task(w.now, p.Name, t.Kind, t.Key)
	c := &callContext{Context: w.ctx, call: call{sent: sent}}
	e := t.Do(c)
	back := h.delay()
	if !here[t.Kind] {
		back = w.Net.delay(h)
		if late := h.Link.Answers; late > 0 {
			back += h.uniform(late/2, late)
		}
	}
	w.After(back+c.call.took, func() { p.post(x.life, e) })
}

// callContext carries the call that is made under it.
type callContext struct {
	context.Context
	call call
}

// Value implements context.Context.
func (c *callContext) Value(key any) any {
	if key == (callKey{}) {
		return &c.call
	}
	return c.Context.Value(key)
}
