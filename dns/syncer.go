package dns

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/rs/zerolog"

	"github.com/nsched/nsched/dns/coredns"
	"github.com/nsched/nsched/dns/diff"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

// Options makes a Syncer. Zero durations have the defaults named.
type Options struct {
	Exec loop.Executor
	Keys registry.Keys
	// Providers serve zones outside, by what an app's record calls them.
	Providers map[units.DNSProvider]Provider
	// Coalesce is how long changes gather before a zone is read and changed: 5 s. Interval is how often a
	// zone is read when nothing changed: 10 min.
	Coalesce, Interval time.Duration
	// Settle is how long a zone rests before it is read when a request to it may still be under way: 15 s.
	// It is longer than a provider's requests last.
	Settle time.Duration
	// Retry is the first wait after a failure, doubled up to RetryMax: 5 s and 5 min.
	Retry, RetryMax time.Duration
	// Refused is how long a change that was refused is left alone: 10 min.
	Refused time.Duration
	// Stale is how old a zone's records may be when a plan is made of them: 1 min.
	Stale time.Duration
	Rand  *rand.Rand // jitters waits; nil is no jitter
	Log   zerolog.Logger
}

// Syncer is the component. Apply takes in what the view holds; between Lead and Rest, Writes returns what
// is to be committed and Step drives the providers. All belong to the goroutine of the shell's Step.
type Syncer struct {
	o       Options
	facts   *facts
	zones   []*zone
	leading bool
	frozen  bool
	session int // terms; what comes for another one is late and ignored

	// What was made of the facts, and of which version of them.
	made     int
	compared int // with which version of what is written
	wish     diff.Wish
	silence  diff.Silence
	muted    diff.Muted
	empty    bool
	cores    []diff.Record // of provider coredns
	problems []diff.Problem
	madeAt   time.Duration

	written struct {
		version, compared int

		frozen bool
		groups []registry.Group
		result coredns.Result
	}
}

var _ registry.Sink = (*Syncer)(nil)

// pace bounds how much of the shell's goroutine this may cost: the wish of the newest facts is made after so
// much time for each endpoint. Making it takes a third of that.
const pace = 20 * time.Microsecond

// New returns a Syncer that has heard of nothing and does nothing until Lead.
func New(o Options) (*Syncer, error) {
	def := func(d *time.Duration, otherwise time.Duration) {
		if *d == 0 {
			*d = otherwise
		}
	}
	def(&o.Coalesce, 5*time.Second)
	def(&o.Interval, 10*time.Minute)
	def(&o.Settle, 15*time.Second)
	def(&o.Retry, 5*time.Second)
	def(&o.RetryMax, 5*time.Minute)
	def(&o.Refused, 10*time.Minute)
	def(&o.Stale, time.Minute)
	s := &Syncer{o: o, facts: newFacts(o.Keys), made: -1}
	s.written.version = -1
	for _, p := range sortedKeys(o.Providers) {
		if p == units.ProviderCoreDNS || p == units.ProviderNone {
			return nil, fmt.Errorf("configure the DNS: provider %s has no server to drive", p)
		}
		for _, name := range o.Providers[p].Zones() {
			s.zones = append(s.zones, newZone(s, p, name))
		}
	}
	return s, nil
}

// Apply implements registry.Sink. The view holds the cluster's key and everything of Kinds.
func (s *Syncer) Apply(b registry.Batch) {
	s.facts.apply(b)
	if b.Regressed {
		s.Rest()
	}
}

// Lead says that this process leads and its view is as far as its term needs, and whether evictions are
// frozen. It is called in every pass that is so; the first one begins a term.
func (s *Syncer) Lead(now units.Instant, frozen bool) {
	thawed := s.frozen && !frozen
	s.frozen = frozen
	if !s.leading {
		s.leading = true
		s.session++
		for _, z := range s.zones {
			z.begin(now)
		}
	}
	for _, z := range s.zones {
		if thawed {
			z.hasten(now)
		}
	}
}

// Rest says that this process does not lead, or cannot be sure. What is under way comes to nothing.
func (s *Syncer) Rest() {
	if s.leading {
		s.leading = false
		s.session++
	}
}

// refresh makes the wish of the newest facts, unless it is too early. It reports whether what is there
// is of the newest facts, and if not when it can be.
func (s *Syncer) refresh(now units.Instant) (fresh bool, again units.Instant) {
	if s.made == s.facts.version && s.compared == s.facts.written {
		return true, units.Instant{}
	}
	if due := s.madeAt + pace*time.Duration(len(s.facts.endpoints)); s.made >= 0 && !now.Reached(due) {
		return false, now.Add(due - now.Boot)
	}
	s.madeAt, s.compared = now.Boot, s.facts.written
	if s.made == s.facts.version {
		return true, units.Instant{}
	}
	fleet := s.facts.fleet()
	s.made = s.facts.version
	s.wish = diff.Desired(fleet)
	fleet.Unclear = s.wish.Unclear
	s.silence, s.muted = diff.NewSilence(fleet), diff.NewMuted(fleet)
	s.empty = fleet.Empty
	s.divide(now)
	return true, units.Instant{}
}

// divide gives each provider and zone its records.
func (s *Syncer) divide(now units.Instant) {
	s.cores, s.problems = nil, nil
	names := map[units.DNSProvider][]string{}
	for _, z := range s.zones {
		names[z.provider] = append(names[z.provider], z.name)
	}
	parts := map[zoneKey][]diff.Record{}
	for _, r := range s.wish.Records {
		if r.Provider == units.ProviderCoreDNS {
			s.cores = append(s.cores, r)
			continue
		}
		p, ok := s.o.Providers[r.Provider]
		if !ok {
			s.problem(r, ReasonNoProvider, "the scheduler is not configured for "+string(r.Provider))
			continue
		}
		zone, ok := diff.ZoneOf(r.Name, names[r.Provider])
		if !ok {
			s.problem(r, diff.ReasonNoZone, "it is in no zone that the scheduler is configured for")
			continue
		}
		shaped, err := p.Shape(r)
		if err != nil {
			s.problem(r, diff.ReasonBadName, err.Error())
			continue
		}
		parts[zoneKey{r.Provider, zone}] = append(parts[zoneKey{r.Provider, zone}], shaped)
	}
	for _, z := range s.zones {
		z.wants(now, parts[zoneKey{z.provider, z.name}])
	}
}

func (s *Syncer) problem(r diff.Record, code, message string) {
	s.problems = append(s.problems, diff.Problem{
		App: r.App, Provider: r.Provider, Name: r.Name, Reason: units.Reason{Code: code, Message: message},
	})
}

// Step drives the providers; see package loop. The shell applies the mailbox.
func (s *Syncer) Step(_ context.Context, now units.Instant) (units.Instant, error) {
	if !s.leading {
		return units.Instant{}, nil
	}
	_, next := s.refresh(now)
	for _, z := range s.zones {
		next = loop.Earliest(next, z.step(now))
	}
	return next, nil
}

// jitter lengthens a wait by up to a fifth.
func (s *Syncer) jitter(d time.Duration) time.Duration {
	if s.o.Rand == nil || d <= 0 {
		return d
	}
	return d + time.Duration(s.o.Rand.Int64N(int64(d)/5+1))
}
