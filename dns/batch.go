package dns

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/nsched/nsched/dns/diff"
	"github.com/nsched/nsched/units"
)

// refusal remembers what a provider refused, so that it is not asked for the same again at once.
type refusal struct {
	changes string // what was asked for
	until   time.Duration
	problem diff.Problem
}

// fingerprint is the changes of one name as text.
func fingerprint(changes []diff.Change) string {
	var b strings.Builder
	for _, c := range changes {
		b.WriteString(string(c.Verb) + " " + c.ID + " " + c.Record.String() + "\n")
	}
	return b.String()
}

// byName divides changes, which are in the order of names, into those of each.
func byName(changes []diff.Change) (parts [][]diff.Change) {
	for len(changes) > 0 {
		n := slices.IndexFunc(changes, func(c diff.Change) bool { return c.Record.Name != changes[0].Record.Name })
		if n < 0 {
			n = len(changes)
		}
		parts = append(parts, changes[:n])
		changes = changes[n:]
	}
	return parts
}

// admit leaves out the changes of names that were refused as they are.
func (z *zone) admit(now units.Instant, changes []diff.Change) (kept []diff.Change) {
	asked := map[string]bool{}
	for _, part := range byName(changes) {
		name := part[0].Record.Name
		asked[name] = true
		if r, ok := z.refused[name]; ok && r.changes == fingerprint(part) && !now.Reached(r.until) {
			continue
		}
		delete(z.refused, name)
		kept = append(kept, part...)
	}
	for _, name := range sortedKeys(z.refused) {
		if !asked[name] {
			delete(z.refused, name)
		}
	}
	return kept
}

// cut divides changes into batches and keeps those of a name in one as long as they fit.
func cut(changes []diff.Change, limit int) (batches [][]diff.Change) {
	var batch []diff.Change
	flush := func() {
		if len(batch) > 0 {
			batches = append(batches, batch)
			batch = nil
		}
	}
	for _, part := range byName(changes) {
		if len(batch)+len(part) > limit {
			flush()
		}
		for len(part) > limit {
			batches = append(batches, part[:limit])
			part = part[limit:]
		}
		batch = append(batch, part...)
	}
	flush()
	return batches
}

// settle takes in what became of a batch.
func (z *zone) settle(now units.Instant, batch []diff.Change, outcomes []Outcome) {
	worst, refused := Outcome{State: Applied}, []diff.Change(nil)
	for i, c := range batch {
		o := Outcome{State: Unknown, Err: errors.New("the provider said nothing of it")}
		if i < len(outcomes) {
			o = outcomes[i]
		}
		switch o.State {
		case Applied:
			z.count(c.Verb)
			continue
		case Refused:
			refused = append(refused, c)
		}
		if o.State == Unknown || worst.State == Applied || worst.State == Refused && o.State == NotSent {
			worst = o
		}
	}
	switch worst.State {
	case Applied:
		z.proceed(now)
	case Unknown:
		z.rest(now, z.s.o.Settle, reasonOf(worst.Err, ReasonUnreachable))
	case NotSent:
		z.fail(now, worst.Err)
	case Refused:
		z.isolate(now, refused, worst.Err)
		z.proceed(now)
	}
}

func (z *zone) count(v diff.Verb) {
	z.status.Pending--
	switch v {
	case diff.Create:
		z.status.Created++
	case diff.Update:
		z.status.Updated++
	case diff.Delete:
		z.status.Deleted++
	}
}

// isolate tries refused changes again in halves, until it is clear which name the provider means.
func (z *zone) isolate(now units.Instant, refused []diff.Change, err error) {
	parts := byName(refused)
	if len(parts) > 1 {
		half := len(parts) / 2
		z.batches = slices.Insert(z.batches, 0, slices.Concat(parts[:half]...), slices.Concat(parts[half:]...))
		return
	}
	r := refused[0].Record
	reason := reasonOf(err, ReasonRefused)
	z.status.Failures++
	z.refused[r.Name] = refusal{
		changes: fingerprint(refused), until: now.Boot + z.s.o.Refused,
		problem: diff.Problem{App: r.App, Provider: z.provider, Name: r.Name, Reason: reason},
	}
	z.s.o.Log.Warn().Str("provider", string(z.provider)).Str("zone", z.name).Str("name", r.Name).
		Str("reason", reason.String()).Msg("a provider refused a change")
}

func reasonOf(err error, code string) units.Reason {
	reason := units.Reason{Code: code}
	if f := (*Failure)(nil); errors.As(err, &f) {
		reason.Code, err = f.Code, f.Err
	}
	if err != nil {
		reason.Message = err.Error()
	}
	return reason
}

// refusals are the problems of what was refused.
func (z *zone) refusals() (problems []diff.Problem) {
	for _, name := range sortedKeys(z.refused) {
		problems = append(problems, z.refused[name].problem)
	}
	return problems
}
