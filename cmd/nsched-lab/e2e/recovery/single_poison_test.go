package recovery

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/units/registry"
)

// poisons are what no key should hold; nil is that it is gone.
var poisons = []struct {
	name  string
	value []byte
}{
	{"no JSON", []byte("{")},
	{"nothing", []byte{}},
	{"another version", []byte(`{"v":9}`)},
	{"a list", []byte(`[{"v":1}]`)},
	{"the wrong types", []byte(`{"v":1,"desired":7,"count":"x","generation":{},"state":[],"phase":3,"addresses":0,"key":1,"bootId":[],"tenure":"x","n":{},"id":1}`)},
	{"a MiB of letters", bytes.Repeat([]byte("x"), 1<<20)},
	{"bytes that are no text", []byte("\x00\x01\x1b[2J\xff")},
	{"deleted", nil},
}

// settling is how long those who read a poisoned key are given to do something wrong.
const settling = 3 * time.Second

// TestAnAppWhoseKeysAreAllPoisonedHarmsNoOther writes over every key of an app that runs, in every kind
// that has one, and asks its neighbour whether it notices. What cannot be read is no command, so its own
// processes go on too; only where everything was deleted may they be told to go, as orphans are.
func TestAnAppWhoseKeysAreAllPoisonedHarmsNoOther(t *testing.T) {
	s := single.Led(t)
	s.Submits(t, s.Wide("victim", 2))
	s.Submits(t, s.Wide("bystander", 2))
	victims, bystanders := s.Up(t, "victim", 2, "", nil), s.Up(t, "bystander", 2, "", nil)
	for _, c := range poisons {
		t.Run(c.name, func(t *testing.T) {
			before := keysOf(t, s, "victim")
			for _, key := range []string{"/apps/", "/generations/", "/names/", "/rollouts/", "/summary/", "/units/", "/status/", "/endpoints/"} {
				if !strings.Contains(names(before), key) {
					t.Fatalf("there is nothing to poison in %s: %v", key, names(before))
				}
			}
			poison(t, s, before, c.value)
			worksFor(t, s, "bystander", 2)
			goesOn(t, s, "bystander", bystanders)
			if c.value == nil {
				// Nothing is left of it; its name can be used again.
				if got := s.Types(t, s.Wide("victim", 2), "submit", "-"); got.Code != 0 {
					t.Errorf("submit again: %+v", got)
				}
				s.Up(t, "victim", 2, "", nil)
				return
			}
			untouched(t, s, victims)
			unpoison(t, s, before, c.value)
			goesOn(t, s, "victim", victims)
		})
	}
}

// TestPoisonInTheClustersOwnKeysStopsNothing does the same to what no app has: who leads, what nodes say of
// themselves, what time it is, and names that nobody knows.
func TestPoisonInTheClustersOwnKeysStopsNothing(t *testing.T) {
	s := single.Led(t)
	s.Submits(t, s.Wide("calm", 3))
	s.Submits(t, alone(s, "calm-alone"))
	before := s.Up(t, "calm", 3, "", nil)
	bound := s.Up(t, "calm-alone", 1, "", nil)
	p := s.Keys.Prefix()
	for _, c := range poisons {
		t.Run(c.name, func(t *testing.T) {
			if c.value != nil {
				// Names that mean nothing, and names of what does not exist.
				var strangers []registry.KeyValue
				for _, name := range []string{
					"strange", "strange/", "units/n1/no-unit", "units/UPPER/default.calm.0.1.1", "units/ghost/default.calm.0.1.1", "units/n1/default.calm.0.1.1/more",
					"status/ghost/default.calm.0.1.1", "status/n1/", "nodes/ghost", "nodes/", "alive/ghost", "agent/ghost", "alive/n1/more",
					"operator/ghost", "operator/n1", "fence/ghost", "fence/n1", "drains/n1", "leader/no-lease", "leader/1",
					"config", "namespaces/default", "releases/default/calm", "closures/default/x", "summary/default/ghost/0", "names/", "names/x", "slots/default/ghost/0", "slots/default/calm/x",
					"rollouts/default/ghost/99", "generations/default/ghost/99", "generations/default/calm/x", "apps/default/", "apps/default/UPPER", "apps/strange",
					"endpoints/default/n1/default.ghost.0.1.1", "endpoints/x", "events/x", "events/x/y", "audit/x/y", "cluster/strange", "skydns/test/nsched/strange",
				} {
					strangers = append(strangers, registry.KeyValue{Key: p + name})
				}
				poison(t, s, strangers, c.value)
				if len(c.value) > 1<<10 {
					// The next leader reads all this anew.
					if leader, _, err := s.Leader(); err != nil {
						t.Error(err)
					} else if err := leader.Kill(t.Context()); err != nil {
						t.Error(err)
					}
				}
				worksFor(t, s, "calm", 3)
				poison(t, s, strangers, nil)
				worksFor(t, s, "calm", 3)
			}
			var own []registry.KeyValue
			for _, kv := range everything(t, s) {
				kind, _, _ := strings.Cut(strings.TrimPrefix(kv.Key, p), "/")
				switch kind {
				case "alive", "agent", "leader", "nodes":
					// To delete these is to say that somebody is lost, or forgotten: no poison.
					if c.value != nil {
						own = append(own, kv)
					}
				case "cluster":
					own = append(own, kv)
				}
			}
			poison(t, s, own, c.value)
			time.Sleep(settling)
			untouched(t, s, append(bound, before...))
			if c.value == nil {
				// The leader writes the time again. An older time would look as if etcd had gone back.
				own = slices.DeleteFunc(own, func(kv registry.KeyValue) bool { return kv.Key == s.Keys.Clock() })
			}
			unpoison(t, s, own, c.value)
			if c.value == nil {
				// A cluster that is gone is a registry that went back: only a person can say otherwise.
				types(t, s, "cluster", "ack-restore", "-y")
			}
			worksFor(t, s, "calm", 3)
			goesOn(t, s, "calm", before)
		})
	}
	s.Up(t, "calm-alone", 1, "", nil)
	neverTwice(t, s, "calm-alone")
}
