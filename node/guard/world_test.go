package guard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/loop/looptest"
	"github.com/nsched/nsched/units/registry"
)

// tick is how far the world's clock moves at once.
const tick = 20 * time.Millisecond

// world is one machine: a guard and a reaper over an etcd and a service manager that do as they are told.
type world struct {
	t    testing.TB
	keys registry.Keys
	etcd *registry.Memory
	now  units.Instant
	boot string

	guard, reaper *process
	memory        Memory
	memoryErr     error
	word          Word
	wordErr       error
	words         int
	units         []*program

	cut     bool             // etcd is out of reach
	fails   map[string]error // the machine's calls that fail, by kind
	claimed int              // how often alive/<node> was made
	calls   []string
	settle  func() // how the guard comes to rest; nil: it gets what it asks for
}

// process is a shell with its mailbox and its executor.
type process struct {
	w      *world
	bench  *looptest.Bench
	shell  loop.Stepper
	paused bool
	hangs  func(kind, key string) bool // calls that never come back
	close  func()
}

// program is a unit that was started.
type program struct {
	units.Bound
	noted   bool
	running bool
	endsAt  time.Duration // when it ends after it was asked to; 0: it was not asked
	takes   time.Duration // how long it takes to end when asked
	undying bool          // in D state
	endedAt time.Duration
}

func newWorld(t testing.TB) *world {
	keys, err := registry.NewKeys(registry.DefaultPrefix)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, keys: keys, etcd: registry.NewMemory(registry.MemoryOptions{}), boot: "boot-1",
		now: units.Instant{Wall: time.Unix(1_800_000_000, 0).UTC(), Boot: time.Hour},
	}
	return w
}

// begin starts a guard, and the world goes on until it holds a fresh tenure.
func (w *world) begin() *world {
	w.t.Helper()
	w.startGuard()
	w.until("the guard is fresh", w.fresh)
	return w
}

func (w *world) process(make func(*looptest.Bench, loop.Executor) (loop.Stepper, func())) *process {
	b := looptest.NewBench(w.t)
	p := &process{w: w, bench: b}
	p.shell, p.close = make(b, hanging{b.Exec, p})
	b.Use(p.shell)
	return p
}

// aboutToClaim lets the guard go on until its claim is about to be made.
func (w *world) aboutToClaim() {
	b := w.guard.bench
	for b.Exec.Find("claim", "") == nil {
		b.Step()
		for _, task := range b.Exec.Waiting() {
			if task.Kind != "claim" {
				task.Run(looptest.Applied)
			}
		}
	}
}

// startGuard starts a guard in place of the one that there is.
func (w *world) startGuard() {
	w.killGuard()
	w.guard = w.process(func(b *looptest.Bench, x loop.Executor) (loop.Stepper, func()) {
		g, err := New(Options{
			Node: "n1", Key: "key", BootID: w.boot, Keys: w.keys, KV: looptest.NewKV(wire{w.etcd, w}), Keeper: keeper{w},
			Machine: machine{w}, Teller: words{w}, Mail: b.Mail, Executor: x,
		})
		if err != nil {
			w.t.Fatal(err)
		}
		return g, g.Close
	})
}

func (w *world) killGuard() {
	if w.guard != nil {
		w.guard.close()
		w.guard = nil
	}
}

func (w *world) startReaper() {
	w.reaper = w.process(func(b *looptest.Bench, x loop.Executor) (loop.Stepper, func()) {
		return NewReaper(ReaperOptions{BootID: w.boot, Machine: machine{w}, Hearer: words{w}, Mail: b.Mail, Executor: x}), nil
	})
}

// shell is the guard itself.
func (w *world) shell() *Guard { return w.guard.shell.(*Guard) }

// state is what the guard's socket says, were it paused or not.
func (w *world) state() State { return w.shell().State() }

func (w *world) fresh() bool {
	s := w.state()
	return s.Fresh(s.Tenure, w.now.Boot)
}

// run lets the world go on.
func (w *world) run(d time.Duration) {
	w.t.Helper()
	for end := w.now.Boot + d; w.now.Boot < end; {
		w.tick()
	}
}

// until lets the world go on until something is so, for a minute at most.
func (w *world) until(what string, so func() bool) {
	w.t.Helper()
	for end := w.now.Boot + time.Minute; w.now.Boot < end; {
		if so() {
			return
		}
		w.tick()
	}
	w.t.Fatalf("%s: never within a minute; the guard is %+v\n%s", what, w.state(), strings.Join(w.calls, "\n"))
}

func (w *world) tick() {
	w.t.Helper()
	for _, p := range []*process{w.guard, w.reaper} {
		switch {
		case p == nil || p.paused:
		case p == w.guard && w.settle != nil:
			w.settle()
		default:
			p.bench.Now = w.now
			p.bench.Settle()
		}
	}
	w.now = w.now.Add(tick)
	w.etcd.Advance(w.now.Boot - time.Hour)
	for _, u := range w.units {
		if u.running && u.endsAt != 0 && w.now.Reached(u.endsAt) {
			w.end(u)
		}
	}
}

func (w *world) end(u *program) {
	if u.running && !u.undying {
		u.running, u.endedAt = false, w.now.Boot
	}
}

// start is what the daemon and the shim do: the unit is noted, and runs if the guard says so.
func (w *world) start(name string, stop time.Duration) *program {
	w.t.Helper()
	u := w.note(name, stop)
	if u.running = w.state().Fresh(u.Tenure, w.now.Boot); !u.running {
		w.t.Fatalf("the guard says no: %+v", w.state())
	}
	return u
}

// note is a unit that was started and asks nobody.
func (w *world) note(name string, stop time.Duration) *program {
	w.t.Helper()
	id, err := units.ParseUnitID("prod." + name + ".0.1.1")
	if err != nil {
		w.t.Fatal(err)
	}
	tenure := int64(0)
	if w.guard != nil {
		tenure = w.state().Tenure
	}
	u := &program{Bound: units.Bound{Unit: id, Tenure: tenure, StopTimeout: stop}, noted: true, running: true, takes: time.Hour}
	w.units = append(w.units, u)
	return u
}

// anyone names what runs.
func (w *world) anyone() string {
	var names []string
	for _, u := range w.units {
		if u.running {
			names = append(names, u.Unit.String())
		}
	}
	return strings.Join(names, " ")
}

// put writes a key, as somebody else.
func (w *world) put(key string, value any) {
	w.t.Helper()
	var raw []byte
	var err error
	switch v := value.(type) {
	case units.Cluster:
		raw, err = registry.Encode(v, registry.Extra{})
	case units.Fence:
		raw, err = registry.Encode(v, registry.Extra{})
	case units.Node:
		raw, err = registry.Encode(v, registry.Extra{})
	case string:
		raw = []byte(v)
	default:
		w.t.Fatalf("put %T", v)
	}
	if err == nil {
		_, err = w.etcd.Txn(w.t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpPut, Key: key, Value: raw}}})
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) remove(key string) {
	w.t.Helper()
	if _, err := w.etcd.Txn(w.t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpDelete, Key: key}}}); err != nil {
		w.t.Fatal(err)
	}
}

// alive is the create revision of alive/<node>.
func (w *world) alive() int64 {
	r, err := w.etcd.Range(w.t.Context(), registry.Range{Key: w.keys.Alive("n1")})
	if err != nil {
		w.t.Fatal(err)
	}
	if len(r.KVs) == 0 {
		return 0
	}
	return r.KVs[0].CreateRevision
}

// wire is etcd as the guard reaches it. It watches over the rule of all rules: nothing that is bound runs when
// a tenure begins or is given back.
type wire struct {
	registry.KV
	w *world
}

var errCut = fmt.Errorf("the network is cut: %w", registry.ErrUnavailable)

// within fails the test if a request may hang for longer. One that lands late has no limit any more.
func (k wire) within(ctx context.Context, limit time.Duration) {
	if until, ok := ctx.Deadline(); ok && time.Until(until) > limit {
		k.w.t.Errorf("a request may hang for %s", time.Until(until))
	}
}

func (k wire) Range(ctx context.Context, r registry.Range) (registry.RangeResult, error) {
	if k.w.cut {
		return registry.RangeResult{}, errCut
	}
	return k.KV.Range(ctx, r)
}

func (k wire) Txn(ctx context.Context, t registry.Txn) (registry.TxnResult, error) {
	if k.w.cut {
		return registry.TxnResult{}, errCut
	}
	r, err := k.KV.Txn(ctx, t)
	if err == nil && r.Succeeded && slices.ContainsFunc(t.Then, func(o registry.Op) bool { return o.Kind == registry.OpPut }) {
		k.w.claimed++
		if who := k.w.anyone(); who != "" {
			k.w.t.Errorf("a tenure began while these ran: %s", who)
		}
	}
	return r, err
}

func (k wire) Grant(ctx context.Context, ttl time.Duration) (registry.Lease, error) {
	if k.w.cut {
		return registry.Lease{}, errCut
	}
	return k.KV.Grant(ctx, ttl)
}

func (k wire) KeepAlive(ctx context.Context, id registry.LeaseID) (registry.Lease, error) {
	k.within(ctx, KeepaliveEvery)
	if k.w.cut {
		return registry.Lease{}, errCut
	}
	return k.KV.KeepAlive(ctx, id)
}

func (k wire) Revoke(ctx context.Context, id registry.LeaseID) error {
	k.within(ctx, revokeWithin)
	if k.w.cut {
		return errCut
	}
	_, err := k.KV.TimeToLive(ctx, id)
	if who := k.w.anyone(); who != "" && err == nil {
		k.w.t.Errorf("a tenure was given back while these ran: %s", who)
	}
	return k.KV.Revoke(ctx, id)
}

type keeper struct{ w *world }

func (k keeper) Load() (Memory, error) { return k.w.memory, k.w.memoryErr }

func (k keeper) Save(m Memory) error {
	k.w.memory, k.w.memoryErr = m, nil
	return nil
}

type words struct{ w *world }

func (t words) Tell(v Word) error {
	if t.w.wordErr != nil {
		return t.w.wordErr
	}
	t.w.word, t.w.words = v, t.w.words+1
	return nil
}

func (t words) Hear() (Word, error) {
	if t.w.wordErr != nil {
		return Word{}, t.w.wordErr
	}
	if t.w.words == 0 {
		return Word{}, ErrNoWord
	}
	return t.w.word, nil
}

// hanging is an executor of which some calls never come back. It watches over what the guard says of itself: whoever
// asks once it looks for what is bound is told no.
type hanging struct {
	loop.Executor
	p *process
}

func (h hanging) Start(t loop.Task) {
	if strings.HasSuffix(t.Kind, "-bound") && h.p == h.p.w.guard && h.p.w.fresh() {
		h.p.w.t.Errorf("%s while the guard says that the tenure is fresh", t.Kind)
	}
	if h.p.hangs == nil || !h.p.hangs(t.Kind, t.Key) {
		h.Executor.Start(t)
	}
}

// machine is the service manager and the control groups.
type machine struct{ w *world }

var errMachine = errors.New("no answer came")

func (m machine) call(ctx context.Context, kind string, id units.UnitID, do func(*program)) error {
	_, err := looptest.Call(ctx, errMachine, func(context.Context) (struct{}, error) {
		if err := m.w.fails[kind]; err != nil {
			return struct{}{}, err
		}
		m.w.calls = append(m.w.calls, fmt.Sprintf("%s %s at %s", kind, id, m.w.now.Boot))
		for _, u := range m.w.units {
			if u.Unit == id {
				do(u)
			}
		}
		return struct{}{}, nil
	})
	return err
}

func (m machine) Bound(ctx context.Context) (list []units.Bound, err error) {
	err = m.call(ctx, "list", units.UnitID{}, nil)
	for _, u := range m.w.units {
		if u.noted && err == nil {
			list = append(list, u.Bound)
		}
	}
	return list, err
}

func (m machine) Stop(ctx context.Context, id units.UnitID) error {
	return m.call(ctx, "stop", id, func(u *program) {
		if u.endsAt == 0 {
			u.endsAt = m.w.now.Boot + u.takes
		}
	})
}

func (m machine) Kill(ctx context.Context, id units.UnitID) error {
	return m.call(ctx, "kill", id, m.w.end)
}

func (m machine) Empty(ctx context.Context, id units.UnitID) (empty bool, err error) {
	empty = true
	err = m.call(ctx, "look", id, func(u *program) { empty = empty && !u.running })
	return empty, err // with an error it means nothing
}

// called reports whether the machine was called so about a unit.
func (w *world) called(kind string, u *program) bool {
	return slices.ContainsFunc(w.calls, func(c string) bool { return strings.HasPrefix(c, kind+" "+u.Unit.String()+" ") })
}
