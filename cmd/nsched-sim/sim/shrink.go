package sim

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Shrunk is the smallest schedule that was found to fail in the way of another.
type Shrunk struct {
	Schedule Schedule
	Err      error
	Runs     int
}

// Shrink looks for a smaller schedule that breaks the same promise: without some of the faults, of what the
// operator does, of the machines; with shorter faults and an earlier end. It makes at most that many runs and
// returns the smallest one that still failed. A schedule that does not fail is returned as it is.
func Shrink(ctx context.Context, s Schedule, runs int, log io.Writer) Shrunk {
	h := &shrinker{ctx: ctx, left: runs, log: log}
	_, err := Play(ctx, s, NewTrace(nil))
	best := Shrunk{Schedule: s, Err: err, Runs: 1}
	if err == nil {
		return best
	}
	h.signature = Signature(err)
	h.best = best
	for h.round() && h.left > 0 && ctx.Err() == nil {
		continue
	}
	h.best.Runs = runs - h.left
	return h.best
}

type shrinker struct {
	ctx       context.Context
	signature string
	best      Shrunk
	left      int
	log       io.Writer
}

// try plays a schedule and takes it if it fails in the same way.
func (h *shrinker) try(what string, s Schedule) bool {
	if h.left <= 0 || h.ctx.Err() != nil || !restful(s) {
		return false
	}
	h.left--
	_, err := Play(h.ctx, s, NewTrace(nil))
	if Signature(err) != h.signature {
		return false
	}
	h.best.Schedule, h.best.Err = s, err
	_, _ = fmt.Fprintf(h.log, "%s: %d faults, %d acts, %d nodes, %v: %v\n", what, len(s.Faults), len(s.Acts), s.Nodes, s.End.D(), err)
	return true
}

// restful reports whether the operator leaves every app as it can come to rest.
func restful(s Schedule) bool {
	last := map[int]Act{}
	for _, a := range s.Acts {
		if a.Kind == actSubmit || a.Kind == actStop {
			last[a.App] = a
		}
	}
	for _, a := range last { // order-free: any of them will do
		if a.Kind == actSubmit && slices.Contains(harmful, a.Flaw) {
			return false
		}
	}
	return true
}

// round tries everything once and reports whether something could go.
func (h *shrinker) round() bool {
	before := h.best.Schedule
	h.shorten()
	dropSome(h, "without faults", func(s *Schedule) *[]Strike { return &s.Faults })
	dropSome(h, "without acts", func(s *Schedule) *[]Act { return &s.Acts })
	h.fewer()
	h.briefer()
	after := h.best.Schedule
	return len(after.Faults) < len(before.Faults) || len(after.Acts) < len(before.Acts) || after.Nodes < before.Nodes ||
		after.Schedulers < before.Schedulers || after.End < before.End
}

// shorten ends the run sooner. One that did not come to rest is given the time that it had.
func (h *shrinker) shorten() {
	if strings.Contains(h.signature, notSettled) {
		return
	}
	for part := Span(2); part <= 16; part *= 2 {
		for {
			s := h.best.Schedule
			less := s.End / part
			s.End -= less
			s.Rest = min(s.Rest, s.End)
			// One that breaks at once would be shortened for ever.
			if less < Span(time.Second) || !h.try("shorter", s) {
				break
			}
		}
	}
}

// fewer takes away machines from the end.
func (h *shrinker) fewer() {
	for h.best.Schedule.Nodes > 1 {
		s := h.best.Schedule
		s.Nodes--
		if !h.try("fewer nodes", s) {
			break
		}
	}
	for h.best.Schedule.Schedulers > 1 {
		s := h.best.Schedule
		s.Schedulers--
		if !h.try("fewer schedulers", s) {
			break
		}
	}
}

// briefer makes single faults shorter.
func (h *shrinker) briefer() {
	for i := range h.best.Schedule.Faults {
		for h.best.Schedule.Faults[i].Lasts > Span(time.Second) {
			s := h.best.Schedule
			s.Faults = slices.Clone(s.Faults)
			s.Faults[i].Lasts /= 2
			if !h.try("briefer fault", s) {
				break
			}
		}
		if h.best.Schedule.Faults[i].When != "" {
			s := h.best.Schedule
			s.Faults = slices.Clone(s.Faults)
			s.Faults[i].When = ""
			h.try("a fault that waits for nothing", s)
		}
	}
}

// dropSome leaves out parts of one list, large ones first.
func dropSome[T any](h *shrinker, what string, list func(*Schedule) *[]T) {
	for size := (len(*list(&h.best.Schedule)) + 1) / 2; size > 0; size /= 2 {
		for from := 0; from < len(*list(&h.best.Schedule)); {
			s := h.best.Schedule
			all := *list(&s)
			*list(&s) = slices.Concat(all[:from], all[min(from+size, len(all)):])
			if !h.try(what, s) {
				from += size
			}
		}
	}
}
