package registry_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop/looptest"
	"github.com/nsched/nsched/units/registry"
)

// disk is a SeenStore in memory that can fail.
type disk struct {
	kept  registry.Seen
	err   error
	saves int
}

func (d *disk) Load() (registry.Seen, error) { return d.kept, d.err }

func (d *disk) Save(s registry.Seen) error {
	if d.err == nil {
		d.kept = s
		d.saves++
	}
	return d.err
}

// judge is a Continuity on a bench.
type judge struct {
	*looptest.Bench
	c *registry.Continuity
}

func (j *judge) Step(ctx context.Context, now units.Instant) (units.Instant, error) {
	j.Mail.Apply(now)
	return j.c.Step(ctx, now)
}

func judgeOver(t *testing.T, store registry.SeenStore) *judge {
	b := looptest.NewBench(t)
	j := &judge{Bench: b, c: registry.NewContinuity(registry.ContinuityOptions{Store: store, Exec: b.Exec})}
	b.Use(j)
	return j
}

func (j *judge) read(id string, epoch, n int64) {
	j.c.Read(units.Cluster{ID: id, Epoch: epoch}, units.Clock{N: n})
	j.Settle()
}

func TestTheRegistryIsTrustedOnceDiskAndRegistryWereRead(t *testing.T) {
	d := &disk{}
	j := judgeOver(t, d)
	j.c.Read(units.Cluster{ID: "a", Epoch: 1}, units.Clock{N: 7})
	if j.c.Trusted() {
		t.Fatal("trusted before the disk was read")
	}
	j.Settle()
	if !j.c.Trusted() || d.kept != (registry.Seen{Highest: registry.Highest{ID: "a", Epoch: 1, N: 7}}) {
		t.Fatalf("%v %+v", j.c.Trusted(), d.kept)
	}
	again := judgeOver(t, d)
	again.Settle()
	if again.c.Trusted() {
		t.Fatal("trusted before the registry was read")
	}
	saves := d.saves
	again.read("a", 1, 7)
	if !again.c.Trusted() || d.saves != saves {
		t.Fatalf("%v after %d saves more", again.c.Trusted(), d.saves-saves)
	}
}

// A new scheduler on a restored etcd makes the clock catch up with the one that was lost.
func TestWhatIsHeldStaysHeldUntilTheEpochIsRaised(t *testing.T) {
	d := &disk{}
	j := judgeOver(t, d)
	j.read("a", 1, 100)
	j.read("a", 1, 40)
	if !j.c.Turned() || j.c.Turned() {
		t.Fatal("it does not say, once, that everything is to be read anew")
	}
	if j.c.Trusted() || !strings.Contains(j.c.Held(), "ack-restore") {
		t.Fatalf("held %q", j.c.Held())
	}
	j.read("a", 1, 140)
	if j.c.Trusted() {
		t.Fatal("the clock caught up, and it was believed")
	}
	j = judgeOver(t, d)
	j.read("a", 1, 141)
	if j.c.Trusted() || j.c.Held() == "" {
		t.Fatal("a restart made it believe")
	}
	j.read("a", 2, 141)
	j.read("a", 2, 12)
	if !j.c.Trusted() || d.kept != (registry.Seen{Highest: registry.Highest{ID: "a", Epoch: 2, N: 12}}) {
		t.Fatalf("held %q, kept %+v", j.c.Held(), d.kept)
	}
}

// A restore was accepted before this machine had noticed it. Its watch brought the new epoch as a change of
// what it held, with the clock of the history that is gone beside it; what was then read anew was behind that
// clock and held for ever.
func TestTheClockBesideANewEpochIsNotRemembered(t *testing.T) {
	d := &disk{}
	j := judgeOver(t, d)
	j.read("a", 1, 145)
	j.c.Turned()
	j.read("a", 2, 145)
	if !j.c.Turned() || d.kept.N != 0 {
		t.Fatalf("kept %+v", d.kept)
	}
	j.read("a", 2, 144)
	if !j.c.Trusted() || j.c.Turned() || d.kept.N != 144 {
		t.Fatalf("held %q, kept %+v", j.c.Held(), d.kept)
	}
	j.read("a", 2, 143)
	if j.c.Trusted() {
		t.Fatal("a second restore was believed")
	}
}

func TestARevisionThatWentBackIsHeldWhateverTheClockSays(t *testing.T) {
	d := &disk{kept: registry.Seen{Highest: registry.Highest{ID: "a", Epoch: 1, N: 5}}}
	j := judgeOver(t, d)
	j.c.Doubt() // before the disk was read
	j.read("a", 1, 6)
	if j.c.Trusted() || d.kept.Held == "" {
		t.Fatalf("held %q, kept %+v", j.c.Held(), d.kept)
	}
}

func TestADiskThatCannotBeReadIsNotTrustedAndReadAgain(t *testing.T) {
	d := &disk{err: errors.New("input/output error")}
	j := judgeOver(t, d)
	j.read("a", 1, 5)
	if j.c.Trusted() || !strings.Contains(j.c.Held(), "input/output error") {
		t.Fatalf("held %q", j.c.Held())
	}
	d.err = nil
	j.Advance(10 * time.Second)
	if !j.c.Trusted() || j.c.Held() != "" || d.kept.N != 5 {
		t.Fatalf("held %q, kept %+v", j.c.Held(), d.kept)
	}
}

// What is held says nothing new: nothing would ever save it after that.
func TestWhatIsHeldWhileTheDiskIsBusyIsSavedToo(t *testing.T) {
	d := &disk{}
	j := judgeOver(t, d)
	j.Settle()
	j.c.Read(units.Cluster{ID: "a", Epoch: 1}, units.Clock{N: 5})
	j.Bench.Step()
	save := j.Exec.Find("seen-save", "")
	j.c.Doubt()
	save.Run(looptest.Applied)
	j.Settle()
	if d.kept.N != 5 || d.kept.Held == "" {
		t.Fatalf("kept %+v", d.kept)
	}
}

func TestWhatCouldNotBeSavedIsSavedLater(t *testing.T) {
	d := &disk{}
	j := judgeOver(t, d)
	j.Settle()
	d.err = errors.New("no space left on device")
	j.read("a", 1, 5)
	j.Advance(10 * time.Second)
	if d.err = nil; !j.c.Trusted() || d.kept.N != 0 {
		t.Fatalf("trusted %v, kept %+v", j.c.Trusted(), d.kept)
	}
	j.Advance(10 * time.Second)
	if d.kept.N != 5 {
		t.Fatalf("kept %+v", d.kept)
	}
}

func TestASeenFileSurvivesAndRefusesWhatItCannotRead(t *testing.T) {
	f := registry.SeenFile(filepath.Join(t.TempDir(), "state", "seen"))
	if s, err := f.Load(); err != nil || s != (registry.Seen{}) {
		t.Fatalf("%+v %v", s, err)
	}
	want := registry.Seen{Highest: registry.Highest{ID: "a", Epoch: 2, N: 3}, Held: "why"}
	for range 2 {
		if err := f.Save(want); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := f.Load(); err != nil || s != want {
		t.Fatalf("%+v %v", s, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(string(f))); err != nil || len(entries) != 1 {
		t.Fatalf("%v %v", entries, err)
	}
	for _, text := range []string{"", "{", `{"v":2,"id":"a"}`} {
		if err := os.WriteFile(string(f), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Load(); !errors.Is(err, registry.ErrUndecodable) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A machine slept through a restore and its acknowledgement. Its watch went on behind both, in the new history, and
// brought clocks that were later than the one it knew: a stop that lay between was never seen.
func TestAClockOfALaterEpochMakesEverythingBeReadAnew(t *testing.T) {
	j := judgeOver(t, &disk{})
	j.read("a", 1, 7)
	j.c.Read(units.Cluster{ID: "a", Epoch: 1}, units.Clock{N: 9, Epoch: 2})
	j.Settle()
	if !j.c.Turned() || j.c.Turned() || j.c.Seen().N != 7 {
		t.Errorf("it does not say, once, that everything is to be read anew: %+v", j.c.Seen())
	}
	j.c.Read(units.Cluster{ID: "a", Epoch: 2}, units.Clock{N: 5, Epoch: 2})
	j.Settle()
	if !j.c.Trusted() || j.c.Seen().Epoch != 2 {
		t.Errorf("%+v", j.c.Seen())
	}
}
