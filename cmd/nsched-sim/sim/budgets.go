package sim

import (
	"fmt"
	"time"

	"github.com/nsched/nsched/units/registry"
)

// budgets is how much each shell has written: so much at once, so much in the long run.
type budgets struct{ spent map[string]spent }

type spent struct{ paid, last time.Duration }

func newBudgets() budgets { return budgets{map[string]spent{}} }

// spend takes one write of a budget that allows a burst and then one in every. Only what was asked for in
// order counts: a write that lands late was paid for when it was asked for.
func (m *Watchman) spend(p *Process, what string, burst int, every time.Duration) {
	const slack = 20 * time.Millisecond
	key := fmt.Sprintf("%s/%d %s", p.Name, p.life, what)
	s := m.budgets.spent[key]
	at := m.w.sent
	if at < s.last {
		return
	}
	if at+slack < s.paid-time.Duration(burst-1)*every {
		m.fail(BoundedWrites, "%s writes %s more often than once in %v and %d at once", p.Name, what, every, burst)
	}
	m.budgets.spent[key] = spent{paid: max(s.paid, at) + every, last: at}
}

// What README promises of writes.
const (
	reportsBurst, reportsEvery     = 6, 200 * time.Millisecond
	statusBurst, statusEvery       = 8, time.Second
	summariesBurst, summariesEvery = 6, time.Second
)

// summaries checks how often the summary of an app is written.
func (m *Watchman) summaries(p *Process, t registry.Txn) {
	for _, op := range t.Then {
		if key, err := Keys.Parse(op.Key); err == nil && key.Kind == registry.KindSummary && op.Kind != registry.OpRange {
			m.spend(p, "the summary of "+key.App.String()+" "+key.Chunk, summariesBurst, summariesEvery)
		}
	}
}
