package loop

import (
	"context"
	"sync"
)

// Pool is the executor of production: a goroutine per task.
type Pool struct {
	ctx  context.Context
	mail *Mailbox
	wg   sync.WaitGroup
}

// NewPool returns a pool whose tasks run under ctx and whose events go to mail. The context is the
// life of the process, handed down once at its start; Wait ends the pool.
func NewPool(ctx context.Context, mail *Mailbox) *Pool { return &Pool{ctx: ctx, mail: mail} }

// Start runs the task on a goroutine of its own.
func (p *Pool) Start(t Task) {
	p.wg.Add(1)
	go func() {
		defer p.wg.Done()
		if e := t.Do(p.ctx); e != nil && p.ctx.Err() == nil {
			p.mail.Post(e)
		}
	}()
}

// Wait returns when every task has returned. The caller cancels the pool's context first.
func (p *Pool) Wait() { p.wg.Wait() }
