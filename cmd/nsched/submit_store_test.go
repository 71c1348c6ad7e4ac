package main

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// faultyWrites is a policy: the nth write has a fault, and every later request another one.
func faultyWrites(n int, fault, later registry.Fault) registry.FaultPolicy {
	writes := 0
	return registry.FaultPolicy{Request: func(r registry.Request) registry.Fault {
		switch {
		case writes >= n:
			return later
		case r.Writes():
			if writes++; writes == n {
				return fault
			}
		}
		return registry.NoFault
	}}
}

// intakeOf is a document on its way over a registry.
func intakeOf(t *testing.T, s *stage, kv registry.KV, doc string) *intake {
	t.Helper()
	run := newSession(strings.NewReader(doc), io.Discard, io.Discard)
	docs, err := run.readDocuments([]string{"-"})
	if err != nil {
		t.Fatal(err)
	}
	in := &intake{session: run, cluster: cluster{KV: kv, keys: s.keys}, doc: docs[0]}
	if err := in.check(t.Context()); err != nil {
		t.Fatal(err)
	}
	return in
}

var hello = units.AppID{Namespace: "default", Name: "hello"}

// factsOf is what the registry really holds.
func (s *stage) factsOf(t *testing.T, id units.AppID) *appFacts {
	t.Helper()
	snapshot, err := s.read(t.Context(), s.appScope(id.Namespace, id.Name))
	if err != nil {
		t.Fatal(err)
	}
	return s.app(snapshot, id)
}

func TestASubmitWhoseAnswerIsLostStoresOneGeneration(t *testing.T) {
	for name, fault := range map[string]registry.Fault{
		"the write was applied":        registry.FaultReplyLost,
		"the write never reached etcd": registry.FaultLost,
		"the write comes late":         registry.FaultHeld,
	} {
		t.Run(name, func(t *testing.T) {
			s := onStage(t)
			faulty := registry.NewFaulty(s.KV, faultyWrites(1, fault, registry.NoFault))
			v, err := intakeOf(t, s, faulty, good("")).store(t.Context())
			if err != nil || !v.Changed || v.Generation != 1 {
				t.Fatalf("%+v, %v", v, err)
			}
			release(t, faulty)
			f := s.factsOf(t, hello)
			if len(f.generations) != 1 || f.intent.Generation != 1 || f.intent.Count != 1 || f.revision != v.Revision {
				t.Errorf("%d generations, %+v at %d, told %d", len(f.generations), f.intent, f.revision, v.Revision)
			}
		})
	}
}

func TestASubmitThatCannotFindOutSaysSo(t *testing.T) {
	for name, fault := range map[string]registry.Fault{
		"the write was applied":        registry.FaultReplyLost,
		"the write never reached etcd": registry.FaultLost,
	} {
		t.Run(name, func(t *testing.T) {
			s := onStage(t)
			faulty := registry.NewFaulty(s.KV, faultyWrites(1, fault, registry.FaultUnsent))
			_, err := intakeOf(t, s, faulty, good("")).store(t.Context())
			if exitCode(t.Context(), err) != exitUnreachable || !strings.Contains(err.Error(), "it is not known whether generation 1 of default/hello was stored") {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestASubmitThatWasNeverSentIsNotInDoubt(t *testing.T) {
	s := onStage(t)
	faulty := registry.NewFaulty(s.KV, faultyWrites(1, registry.FaultUnsent, registry.NoFault))
	_, err := intakeOf(t, s, faulty, good("")).store(t.Context())
	if exitCode(t.Context(), err) != exitUnreachable || !errors.Is(err, registry.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	if f := s.factsOf(t, hello); f.exists() {
		t.Errorf("something was stored: %+v", f)
	}
}

func TestASubmitThatIsOvertakenComesAfterTheOther(t *testing.T) {
	s := onStage(t)
	in := intakeOf(t, s, s.KV, good(`"owner": "second"`))
	if v, err := intakeOf(t, s, s.KV, good(`"owner": "first", "count": 7`)).store(t.Context()); err != nil || v.Generation != 1 {
		t.Fatalf("%+v, %v", v, err)
	}
	v, err := in.store(t.Context())
	if err != nil || v.Generation != 2 || v.Count != 7 {
		t.Errorf("%+v, %v", v, err)
	}
	late := intakeOf(t, s, s.KV, good(`"owner": "third"`))
	late.flags = submitFlags{check: true, checkRevision: v.Revision - 1}
	if _, err := late.store(t.Context()); exitCode(t.Context(), err) != exitChanged {
		t.Errorf("%v", err)
	}
	late.flags.checkRevision = v.Revision
	if v, err := late.store(t.Context()); err != nil || v.Generation != 3 {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestANameIsTakenByOneOfTwoAtTheSameMoment(t *testing.T) {
	s := onStage(t)
	named := `{"name": "NAME", "path": "` + string(helloPath) + `", "command": ["bin/hello"], "dns": [{"name": "a.example.org", "type": "A"}]}`
	one := intakeOf(t, s, s.KV, strings.Replace(named, "NAME", "one", 1))
	two := intakeOf(t, s, s.KV, strings.Replace(named, "NAME", "two", 1))
	if _, err := one.store(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := two.store(t.Context()); exitCode(t.Context(), err) != exitUsage || !strings.Contains(err.Error(), "belongs to app default/one") {
		t.Errorf("%v", err)
	}
	if f := s.factsOf(t, units.AppID{Namespace: "default", Name: "two"}); f.exists() {
		t.Errorf("the second was stored: %+v", f)
	}
}

func TestAChangeOfAnIntentWhoseAnswerIsLostIsMadeOnce(t *testing.T) {
	for name, c := range map[string]struct {
		fault, later registry.Fault
		code         int
	}{
		"the write was applied":               {registry.FaultReplyLost, registry.NoFault, exitOK},
		"the write never reached etcd":        {registry.FaultLost, registry.NoFault, exitOK},
		"the write comes late":                {registry.FaultHeld, registry.NoFault, exitOK},
		"the write was not sent":              {registry.FaultUnsent, registry.NoFault, exitUnreachable},
		"nothing answers after it was lost":   {registry.FaultLost, registry.FaultUnsent, exitUnreachable},
		"nothing answers after it was stored": {registry.FaultReplyLost, registry.FaultUnsent, exitUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			s := onStage(t)
			if _, err := intakeOf(t, s, s.KV, good("")).store(t.Context()); err != nil {
				t.Fatal(err)
			}
			faulty := registry.NewFaulty(s.KV, faultyWrites(1, c.fault, c.later))
			_, changed, err := cluster{KV: faulty, keys: s.keys}.alter(t.Context(), hello, func(_ *appFacts, i *units.Intent) (bool, error) {
				needed := i.Count != 4
				i.Count = 4
				return needed, nil
			})
			if code := exitCode(t.Context(), err); code != c.code || changed != (c.code == exitOK) {
				t.Errorf("code %d, changed %t, %v", code, changed, err)
			}
			release(t, faulty)
			if f := s.factsOf(t, hello); c.code == exitOK && f.intent.Count != 4 {
				t.Errorf("count %d", f.intent.Count)
			}
		})
	}
}

// release lets through what was held, as it is when it comes late.
func release(t *testing.T, f *registry.Faulty) {
	t.Helper()
	for _, r := range f.Held() {
		if found, err := f.Release(t.Context(), r.Number); !found || err != nil {
			t.Errorf("request %d: %t, %v", r.Number, found, err)
		}
	}
}
