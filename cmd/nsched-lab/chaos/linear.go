package chaos

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// checkWithin bounds one check of a history: one that takes longer is not known to be in order, and that
// is an error.
const checkWithin = 2 * time.Minute

// ErrHistory: a history has no order in which it could have happened.
var ErrHistory = errors.New("no order of it is right")

func check(what string, model porcupine.Model, history []porcupine.Operation) error {
	switch porcupine.CheckOperationsTimeout(model, history, checkWithin) {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return fmt.Errorf("check %s, %d operations: it took longer than %v", what, len(history), checkWithin)
	}
	return fmt.Errorf("check %s, %d operations: %w", what, len(history), ErrHistory)
}

// holding is a singleton as a lock: a life takes it with its fence token and gives it back. It is taken
// while nobody has it, and with a higher token than ever before.
//
//	free(token) -- take(higher) --> held(token) -- give(token) --> free(token)
type holding struct {
	token int64
	held  bool
}

// move is one step of a lock: a life's start, which takes it, or its end.
type move struct {
	token int64
	take  bool
}

var lockModel = porcupine.Model{
	Init: func() any { return holding{} },
	Step: func(state, input, _ any) (bool, any) {
		h, m := state.(holding), input.(move)
		if m.take {
			return !h.held && m.token > h.token, holding{m.token, true}
		}
		return h.held && h.token == m.token, holding{h.token, false}
	},
	DescribeOperation: func(input, _ any) string {
		if m := input.(move); m.take {
			return fmt.Sprintf("take %d", m.token)
		}
		return fmt.Sprintf("give %d", input.(move).token)
	},
}

// lockHistory is what the lives of a singleton did to it. A life takes it some time between its own first
// moment and the witness's, and has given it back when the witness saw its end: as it is unknown since
// when it worked no more, only the end counts.
func lockHistory(lives []cluster.Life) []porcupine.Operation {
	var out []porcupine.Operation
	for i, l := range lives {
		start := l.Start.UnixNano()
		out = append(out, porcupine.Operation{ClientId: i, Input: move{l.Token, true}, Call: start, Return: start})
		if !l.End.IsZero() {
			end := l.End.UnixNano()
			out = append(out, porcupine.Operation{ClientId: i, Input: move{l.Token, false}, Call: end, Return: end})
		}
	}
	return out
}

// registerModel is a value that only rises: a write is accepted exactly when it is not older than the
// newest that was.
var registerModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byApp := map[units.AppID][]porcupine.Operation{}
		for _, o := range history {
			app := o.Input.(cluster.Write).App
			byApp[app] = append(byApp[app], o)
		}
		var out [][]porcupine.Operation
		for _, part := range byApp {
			out = append(out, part)
		}
		return out
	},
	Init: func() any { return int64(0) },
	Step: func(state, input, output any) (bool, any) {
		newest, w := state.(int64), input.(cluster.Write)
		return output.(bool) == (w.Token >= newest), max(newest, w.Token)
	},
}

// registerHistory is what services wrote, from call to return by their own clocks. Where a service ended
// before it could tell when its last call returned, that was after the register had decided.
func registerHistory(writes []cluster.Write) []porcupine.Operation {
	clients := map[string]int{}
	var out []porcupine.Operation
	for _, w := range writes {
		if _, ok := clients[w.Unit]; !ok {
			clients[w.Unit] = len(clients)
		}
		returned := w.Returned
		if returned == 0 {
			returned = w.Answered
		}
		out = append(out, porcupine.Operation{
			ClientId: clients[w.Unit], Input: w, Output: w.Accepted, Call: int64(w.Called), Return: int64(max(returned, w.Called)),
		})
	}
	return out
}

// CheckTokens checks what singletons did to their locks and registers.
func (s *Stage) CheckTokens(apps ...string) error {
	var errs []error
	for _, name := range apps {
		errs = append(errs, check("the lives of "+name, lockModel, lockHistory(s.Lives(name))))
	}
	writes := s.Witness.Register.Writes()
	refused := slices.DeleteFunc(slices.Clone(writes), func(w cluster.Write) bool { return w.Accepted })
	if len(refused) > 0 {
		errs = append(errs, fmt.Errorf("%d writes came with an old fence token, the first of %s with %d: %w",
			len(refused), refused[0].Unit, refused[0].Token, ErrHistory))
	}
	return errors.Join(append(errs, check("the writes of singletons", registerModel, registerHistory(writes)))...)
}

// reign is the election as a queue: who has stood for the longest leads. A write of a term is right while
// that term leads.
//
//	stand(key) …  leave(key)  write(term)
type reign struct {
	standing string // the create revisions of those who stand, in order, as text: states are compared
}

type vote struct {
	revision int64 // of the key that came or went, or the term of a write
	verb     string
}

var reignModel = porcupine.Model{
	Init: func() any { return reign{} },
	Step: func(state, input, _ any) (bool, any) {
		r, v := state.(reign), input.(vote)
		standing := parseStanding(r.standing)
		switch v.verb {
		case "stand":
			return !slices.Contains(standing, v.revision), reign{formatStanding(append(standing, v.revision))}
		case "leave":
			at := slices.Index(standing, v.revision)
			if at < 0 {
				return false, r
			}
			return true, reign{formatStanding(slices.Delete(standing, at, at+1))}
		}
		return len(standing) > 0 && slices.Min(standing) == v.revision, r
	},
}

func parseStanding(text string) []int64 {
	var out []int64
	for i := 0; i+8 <= len(text); i += 8 {
		n := int64(0)
		for _, b := range []byte(text[i : i+8]) {
			n = n<<8 | int64(b)
		}
		out = append(out, n)
	}
	return out
}

func formatStanding(list []int64) string {
	slices.Sort(list)
	var out []byte
	for _, n := range list {
		for shift := 56; shift >= 0; shift -= 8 {
			out = append(out, byte(n>>shift))
		}
	}
	return string(out)
}

// course is an assignment: it advances from stage over run to stop, and is gone after that.
type course struct {
	desired units.Desired
	gone    bool
}

var courseModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byKey := map[string][]porcupine.Operation{}
		for _, o := range history {
			key := o.Input.(step).key
			byKey[key] = append(byKey[key], o)
		}
		var out [][]porcupine.Operation
		for _, part := range byKey {
			out = append(out, part)
		}
		return out
	},
	Init: func() any { return course{} },
	Step: func(state, input, _ any) (bool, any) {
		c, s := state.(course), input.(step)
		if s.gone {
			return !c.gone, course{c.desired, true}
		}
		return !c.gone && rank(s.desired) >= rank(c.desired), course{s.desired, false}
	},
}

// step is one change of one assignment. A unit's name is never used again, so its key has one course.
type step struct {
	key     string
	desired units.Desired
	gone    bool
}

func rank(d units.Desired) int {
	return slices.Index([]units.Desired{units.DesiredStage, units.DesiredRun, units.DesiredStop}, d)
}

// at makes an operation of what etcd did at a revision: nothing else was done then.
func at(revision int64, part int, input any) porcupine.Operation {
	when := revision*1000 + int64(part)
	return porcupine.Operation{Input: input, Call: when, Return: when}
}

// CheckReigns checks that whoever places anything led at that revision, and that assignments only advance.
func (s *Stage) CheckReigns() error { return checkReigns(s.History.Events(), s.History.begun) }

// checkReigns checks what happened in etcd after the revision at which it was first read.
func checkReigns(events []Event, begun int64) error {
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(a.ModRevision, b.ModRevision) })
	var reigns, courses []porcupine.Operation
	stood := map[string]int64{}
	part, last := 0, int64(math.MinInt64)
	for _, e := range events {
		if part++; e.ModRevision != last {
			part, last = 0, e.ModRevision
		}
		switch {
		case e.Of.Kind == registry.KindLeader && e.Deleted:
			reigns = append(reigns, at(e.ModRevision, part, vote{stood[e.Key], "leave"}))
			delete(stood, e.Key)
		case e.Of.Kind == registry.KindLeader && stood[e.Key] == 0:
			stood[e.Key] = e.CreateRevision
			reigns = append(reigns, at(e.ModRevision, part, vote{e.CreateRevision, "stand"}))
		case e.Of.Kind == registry.KindUnit && e.Deleted:
			courses = append(courses, at(e.ModRevision, part, step{key: e.Key, gone: true}))
		case e.Of.Kind == registry.KindUnit:
			a, _, err := registry.Decode[units.Assignment](e.Key, e.Value)
			if err != nil {
				return fmt.Errorf("read %s at revision %d: %w", e.Key, e.ModRevision, err)
			}
			courses = append(courses, at(e.ModRevision, part, step{key: e.Key, desired: a.Desired}))
			if e.CreateRevision == e.ModRevision && begun < e.ModRevision {
				reigns = append(reigns, at(e.ModRevision, part, vote{a.Term, "write"}))
			}
		}
	}
	return errors.Join(check("who led when", reignModel, reigns), check("the course of assignments", courseModel, courses))
}
