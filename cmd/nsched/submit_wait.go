package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

const (
	// awaitLook is how often deadlines are looked at.
	awaitLook = 100 * time.Millisecond
	// failureStands is how long a slot must be seen failed: one that is tried anew elsewhere at once has
	// not failed the app.
	failureStands = time.Second
)

// noRoom are the reasons of placement for a slot that gets no unit.
var noRoom = []string{
	units.ReasonNoNode, units.ReasonInsufficientCPU, units.ReasonInsufficientMemory, units.ReasonInsufficientDisk,
	units.ReasonPortTaken, units.ReasonNoPortFree, units.ReasonConstraintUnmet, units.ReasonDistinct, units.ReasonWrongArch,
	units.ReasonWrongPool, units.ReasonNodeLost, units.ReasonNodeCordoned, units.ReasonNodeDraining, units.ReasonNodeAgentLost,
	units.ReasonNodeOld, units.ReasonQuota, units.ReasonEvictionsFrozen, units.ReasonNameClaimed, units.ReasonKeyCopied,
}

// notYetSafe are the reasons of placement for a slot that gets no unit while an earlier one may still run.
// Nobody can say when that ends: perhaps a person has to.
var notYetSafe = []string{units.ReasonSingletonWaiting, units.ReasonLostWaiting}

// awaiting is the wait for one generation of an app.
type awaiting struct {
	want     submitView
	patience time.Duration // how long it may have no room; 0 is for ever
	begun    time.Time
	board    board
	failed   time.Time // since when a slot is seen failed
	why      string    // the latest word of a node about a failure
}

// await waits until the app does what was stored.
func (s *session) await(ctx context.Context, c cluster, placeTimeout time.Duration, want submitView) error {
	id := want.id()
	w := c.appScope(id.Namespace, id.Name)
	w.prefixes = append(w.prefixes, c.keys.Under(registry.KindLeader))
	a := &awaiting{want: want, patience: placeTimeout, begun: time.Now(), board: newBoard(s.errs)}
	err := c.follow(ctx, w, awaitLook, s.unheard, func(snapshot *registry.Snapshot) (bool, error) {
		if snapshot.Revision() < want.Revision {
			return false, nil
		}
		facts := c.app(snapshot, id)
		a.show(facts)
		leader := false
		for range snapshot.Items(c.keys.Under(registry.KindLeader)) {
			leader = true
		}
		return a.judge(facts, leader, time.Now())
	})
	a.board.end()
	if err != nil && ctx.Err() != nil {
		_, _ = fmt.Fprintf(s.errs, "%s goes on without you; follow it with: nsched status -w %s\n", id, id)
		return fmt.Errorf("wait for %s: %w", id, err)
	}
	if err == nil && !s.structured() {
		_, _ = fmt.Fprintf(s.out, "%s: generation %d is up after %s\n", id, want.Generation, time.Since(a.begun).Round(time.Millisecond))
		return s.showEndpoints(ctx, c, want)
	}
	return err
}

// endpointsShown is how many units at most have their addresses shown after a submit.
const endpointsShown = 10

// showEndpoints tells where the units are reached.
func (s *session) showEndpoints(ctx context.Context, c cluster, want submitView) error {
	if want.Count > endpointsShown {
		return nil
	}
	snapshot, err := c.read(ctx, scope{prefixes: []string{c.keys.Under(registry.KindEndpoint, string(want.Namespace))}})
	if err != nil {
		return err
	}
	for _, u := range c.units(snapshot) {
		if u.unit.AppID() == want.id() && len(u.Ports) > 0 {
			_, _ = fmt.Fprintf(s.out, "  %s on %s: %s\n", unitName(u.unit), u.Node, plainLine(u.where()))
		}
	}
	return nil
}

// judge decides whether the wait is over.
func (a *awaiting) judge(f *appFacts, leader bool, now time.Time) (bool, error) {
	id, g := a.want.id(), a.want.Generation
	switch rollout := f.rollouts[g]; {
	case f.revision == 0:
		return false, exit(exitChanged, "%s was removed meanwhile", id)
	case f.intent.Generation != g:
		return false, exit(exitChanged, "%s was changed meanwhile: generation %d is wanted now", id, f.intent.Generation)
	case f.intent.Stopped:
		return false, exit(exitChanged, "%s was stopped meanwhile", id)
	case rollout.Phase == units.PhaseFailed:
		return false, exit(exitAppFailed, "%s: generation %d failed: %s", id, g, rollout.Reason)
	case a.complete(f):
		return true, nil
	}
	if err := a.failure(f, now); err != nil {
		return false, err
	}
	if a.patience == 0 || now.Sub(a.begun) < a.patience {
		return false, nil
	}
	if missing := a.unplaced(f, leader); len(missing) > 0 {
		return false, &exitError{exitNotPlaced, lines(missing)}
	}
	return false, nil
}

// complete reports whether every slot is as it should be.
func (a *awaiting) complete(f *appFacts) bool {
	if f.app != nil && f.app.Type == units.TypeSystem {
		return f.rollouts[a.want.Generation].Phase == units.PhaseComplete && f.readyCount() == len(f.slots)
	}
	for i := range f.intent.Count {
		if !f.ready(f.slots[units.IndexSlot(i)], a.want.Generation) {
			return false
		}
	}
	return len(f.slots) == f.intent.Count
}

// failure returns the error of a slot that has failed and is not tried anew at once. What was written
// before the submit says nothing of it.
func (a *awaiting) failure(f *appFacts, now time.Time) error {
	var failed units.Slot
	var slot slotFacts
	for _, name := range f.inOrder() {
		if held := f.slots[name]; held.revision > a.want.Revision && held.failed() {
			failed, slot = name, held
			break
		}
	}
	if failed == "" {
		a.failed = time.Time{}
		return nil
	}
	if slot.Reason.Code != units.ReasonBackoff {
		a.why = slot.Reason.String()
	}
	if a.failed.IsZero() {
		a.failed = now
	}
	if now.Sub(a.failed) < failureStands {
		return nil
	}
	why := slot.Reason.String()
	if a.why != "" && a.why != why {
		why = a.why + "; " + slot.Reason.Message
	}
	text := fmt.Sprintf("%s:%s failed", appName(f.id), failed)
	if slot.Node != "" {
		text += " on " + string(slot.Node)
	}
	return exit(exitAppFailed, "%s: %s", text, why)
}

// unplaced says which slots have no unit of the generation because there is no room for one.
func (a *awaiting) unplaced(f *appFacts, leader bool) []string {
	id := f.id
	reasons := map[string][]string{}
	for _, name := range f.inOrder() {
		slot := f.slots[name]
		if slot.revision <= a.want.Revision || f.ready(slot, a.want.Generation) {
			continue
		}
		text := slot.Reason.String()
		switch code := slot.Reason.Code; {
		case slices.Contains(noRoom, code):
			text = "no room for %s: " + text
		case slices.Contains(notYetSafe, code):
			text = "it is not safe yet to start %s: " + text
		default:
			continue
		}
		reasons[text] = append(reasons[text], string(name))
	}
	var list []string
	for _, text := range sortedKeys(reasons) {
		list = append(list, fmt.Sprintf("%s: %s", id, strings.Replace(text, "%s", slotNames(reasons[text]), 1)))
	}
	if len(list) > 0 {
		return append(list, fmt.Sprintf("%s is stored and will run as soon as it can; nsched explain %s says more", id, id))
	}
	switch {
	case len(f.slots) > 0 || f.intent.Count == 0:
		return nil
	case !leader:
		return []string{fmt.Sprintf("%s: no scheduler leads, so nobody places it; it is stored. Start one: nsched scheduler", id)}
	case f.app != nil && f.app.Type == units.TypeSystem:
		return []string{fmt.Sprintf("%s: no node fits it; it is stored and will run on the first that does", id)}
	}
	return nil
}

// slotNames lists a few slots.
func slotNames(names []string) string {
	const enough = 8
	if len(names) == 1 {
		return "unit " + names[0]
	}
	if len(names) > enough {
		return fmt.Sprintf("units %s and %d more", strings.Join(names[:enough], ", "), len(names)-enough)
	}
	return "units " + strings.Join(names, ", ")
}

// show puts the app's slots on the board.
func (a *awaiting) show(f *appFacts) {
	for _, name := range f.inOrder() {
		slot := f.slots[name]
		u, err := units.ParseUnitID(slot.Unit)
		state := string(slot.State)
		switch {
		case slot.Unit == "":
			state = "waiting"
		case err == nil && u.Generation != a.want.Generation:
			state += fmt.Sprintf(" (generation %d)", u.Generation)
		}
		text := fmt.Sprintf("%s:%s\t%s\t%s", appName(f.id), name, slot.Node, state)
		if !slot.Reason.IsZero() {
			text += "\t" + slot.Reason.String()
		}
		a.board.line(string(name), strings.TrimRight(plainLine(strings.ReplaceAll(text, "\t", "  ")), " "))
	}
	a.board.flush()
}
