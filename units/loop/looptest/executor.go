package looptest

import (
	"context"
	"slices"
	"strings"

	"github.com/nsched/nsched/units/loop"
)

// Executor is a loop.Executor that does nothing until told.
type Executor struct {
	ctx     context.Context
	mail    *loop.Mailbox
	started int
	waiting []*Task
}

var _ loop.Executor = (*Executor)(nil)

// NewExecutor returns an executor whose tasks run under ctx and whose events go to mail. Tests hand
// in t.Context().
func NewExecutor(ctx context.Context, mail *loop.Mailbox) *Executor {
	return &Executor{ctx: ctx, mail: mail}
}

// Start holds the task.
func (x *Executor) Start(t loop.Task) {
	x.started++
	x.waiting = append(x.waiting, &Task{Kind: t.Kind, Key: t.Key, N: x.started, x: x, do: t.Do})
}

// Waiting returns the tasks of which nothing has been decided yet, in the order of their start.
func (x *Executor) Waiting() []*Task { return slices.Clone(x.waiting) }

// Started returns how many tasks were ever started.
func (x *Executor) Started() int { return x.started }

// Find returns the oldest waiting task of the kind whose key begins with prefix, or nil. An empty
// kind is any kind.
func (x *Executor) Find(kind, prefix string) *Task {
	for _, t := range x.waiting {
		if (kind == "" || t.Kind == kind) && strings.HasPrefix(t.Key, prefix) {
			return t
		}
	}
	return nil
}

// RunAll performs every waiting task in the order of their start, and returns how many there were.
func (x *Executor) RunAll() int {
	tasks := x.Waiting()
	for _, t := range tasks {
		t.Run(Applied)
	}
	return len(tasks)
}

// Crash forgets every waiting task: the process died before any of them was sent.
func (x *Executor) Crash() { x.waiting = nil }

// Task is one task that a shell started.
type Task struct {
	Kind, Key string
	// N numbers the tasks of an executor from 1.
	N int

	x     *Executor
	do    func(context.Context) loop.Event
	fate  Fate
	event loop.Event
	late  []func()
}

// Run performs the task under the fate and posts its event.
func (t *Task) Run(f Fate) {
	t.Perform(f)
	t.Deliver()
}

// Perform performs the task under the fate and keeps its event for Deliver. A task is performed once;
// doing it again does nothing.
func (t *Task) Perform(f Fate) {
	i := slices.Index(t.x.waiting, t)
	if i < 0 {
		return
	}
	t.x.waiting = slices.Delete(t.x.waiting, i, i+1)
	t.fate = f
	t.event = t.do(context.WithValue(t.x.ctx, fateKey{}, t))
}

// Deliver posts the event of a performed task, once.
func (t *Task) Deliver() {
	if t.event != nil {
		t.x.mail.Post(t.event)
		t.event = nil
	}
}

// Land performs the late requests of the task, once.
func (t *Task) Land() {
	late := t.late
	t.late = nil
	for _, do := range late {
		do()
	}
}
