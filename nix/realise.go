package nix

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nsched/nsched/units"
)

// Request says which path is due, under which root, from where and on whose word.
type Request struct {
	Path units.StorePath
	Root RootName
	// Substituters are the app's caches, asked before the node's.
	Substituters []string
	// TrustedKeys are the keys that the namespace may use; nil means the node's.
	TrustedKeys []PublicKey
	// NarrowKeys are the app's cache.publicKeys: of the keys above only these count. Empty narrows nothing.
	NarrowKeys []PublicKey
	// AllowUnsigned is as in Options, for this request.
	AllowUnsigned bool
	// Executable, if set, is relative to the path and must be an executable file of the closure.
	Executable string
	// Offline asks no cache: what is not here, or not signed here, is ErrFetch, since a cache may help later.
	Offline bool
	// Progress is told how far the fetch is, on the goroutine of Realise; nil if nobody asks.
	Progress func(Progress)
}

// Closure is what Realise made sure of.
type Closure struct {
	ClosureInfo
	// FetchedBytes is how much came from caches, unpacked; 0 if all was there.
	FetchedBytes int64
	// Took is the time of the whole call.
	Took time.Duration
}

// Realise makes the path and all it refers to exist, pins it with the root and checks every path of it
// (see the package's invariants). What is in the store already costs no request to any cache. Nothing is
// built. It is idempotent, and calls for one root follow one another, so units of one app may ask at once.
//
// When ctx ends, Nix' process group is ended and the error is ctx's. There is no other time limit: a
// download that receives nothing ends by itself (Options.StalledTimeout), a slow one goes on.
func (s *Store) Realise(ctx context.Context, r Request) (Closure, error) {
	begun := time.Now()
	j, err := s.plan(r)
	if err != nil {
		return Closure{}, err
	}
	release, err := s.acquire(ctx, r.Root)
	if err != nil {
		return Closure{}, err
	}
	defer release()
	if err := os.MkdirAll(s.o.RootsDir, 0o755); err != nil {
		return Closure{}, &Error{Kind: ErrRoot, Detail: "make the directory of roots", Err: err}
	}
	before, err := s.root(r.Root)
	if err != nil {
		return Closure{}, err
	}
	closure, err := s.realise(ctx, j)
	if err != nil {
		if problem := s.undo(r, before); problem != nil {
			err = fmt.Errorf("%w; besides, its root %s could not be put back: %v", err, r.Root, problem)
		}
		return Closure{}, err
	}
	closure.Took = time.Since(begun)
	s.log.Debug().Str("path", string(r.Path)).Str("root", string(r.Root)).Int64("fetchedBytes", closure.FetchedBytes).
		Int("paths", len(closure.Paths)).Dur("took", closure.Took).Msg("realised path")
	return closure, nil
}

// job is a request whose every part has been read.
type job struct {
	Request
	caches []string
	keys   []PublicKey
	// fresh forgets what caches said within the last half minute.
	fresh bool
}

func (s *Store) plan(r Request) (job, error) {
	if _, err := units.ParseStorePath(string(r.Path)); err != nil {
		return job{}, &Error{Kind: ErrInvalid, Err: err}
	}
	if _, err := ParseRootName(string(r.Root)); err != nil {
		return job{}, err
	}
	trusted := r.TrustedKeys
	if trusted == nil {
		trusted = s.o.TrustedKeys
	}
	r.AllowUnsigned = r.AllowUnsigned || s.o.AllowUnsigned
	j := job{Request: r, keys: Narrow(trusted, r.NarrowKeys)}
	if len(j.keys) == 0 && !r.AllowUnsigned {
		if len(trusted) > 0 {
			return job{}, fail(ErrNoTrustedKey, r.Path, "the app's cache.publicKeys name none of the keys that its namespace may use: %s", names(trusted))
		}
		return job{}, fail(ErrNoTrustedKey, r.Path, "give the node the public key that signs your paths")
	}
	for _, raw := range slices.Concat(r.Substituters, s.o.Substituters) {
		u, err := url.Parse(raw)
		if err != nil || u.Scheme == "" || !printable(raw) || strings.ContainsAny(raw, " #") {
			return job{}, fail(ErrInvalid, r.Path, "%q is not a cache URL", clip(raw))
		}
		if !slices.Contains(j.caches, raw) {
			j.caches = append(j.caches, raw)
		}
	}
	return j, nil
}

func (s *Store) realise(ctx context.Context, j job) (Closure, error) {
	m := newMeter(j.Progress)
	if err := s.fetchExplained(ctx, j, m); err != nil {
		return Closure{}, err
	}
	info, err := s.checked(ctx, j)
	if err != nil {
		return Closure{}, err
	}
	if j.Executable != "" {
		if err := info.Executable(j.Executable); err != nil {
			return Closure{}, err
		}
	}
	switch target, err := s.root(j.Root); {
	case err != nil:
		return Closure{}, err
	case target != j.Path:
		return Closure{}, fail(ErrRoot, j.Path, "its root %s was taken away meanwhile", j.Root)
	}
	return Closure{ClosureInfo: info, FetchedBytes: m.fetched(info)}, nil
}

// fetchExplained fetches, and once more where the reason for a failure can be avoided.
func (s *Store) fetchExplained(ctx context.Context, j job, m *meter) error {
	err := s.fetch(ctx, j, m)
	if err == nil || !exited(err) {
		return err
	}
	if j.Offline {
		return s.offlineReason(ctx, j, err)
	}
	again, reason := s.explain(ctx, j, err)
	if len(again) == 0 {
		return reason
	}
	s.log.Info().Str("path", string(j.Path)).Strs("caches", again).Err(reason).Msg("fetched again from the caches that answer")
	j.caches, j.fresh = again, true
	if err = s.fetch(ctx, j, m); err != nil && exited(err) {
		_, reason := s.explain(ctx, j, err)
		return reason
	}
	return err
}

// nixError is a Nix that ended with an exit code, and its last words.
type nixError struct {
	err      error
	messages string
}

func (e *nixError) Error() string { return e.err.Error() + ": " + lastLine(e.messages) }
func (e *nixError) Unwrap() error { return e.err }

func (s *Store) fetch(ctx context.Context, j job, m *meter) error {
	_, messages, err := s.run(ctx, command{
		name: "nix-store",
		args: []string{
			"--realise", string(j.Path), "--add-root", s.rootPath(j.Root), "--log-format", "internal-json",
		},
		config: s.fetchConfig(j),
		event:  m.event,
	})
	if err != nil && exited(err) {
		return &nixError{err, redact(messages, j.caches)}
	}
	if err == nil {
		m.finish()
	}
	return err
}

// redact takes the user and password of cache URLs out of what Nix says about them.
func redact(messages string, caches []string) string {
	for _, raw := range caches {
		if u, err := url.Parse(raw); err == nil && u.User != nil {
			messages = strings.ReplaceAll(messages, u.User.String()+"@", "")
		}
	}
	return messages
}

// fetchConfig holds only settings that 2.8 and later versions know by the same name.
func (s *Store) fetchConfig(j job) []string {
	keys := make([]string, len(j.keys))
	for i, k := range j.keys {
		keys[i] = k.String()
	}
	ordered := make([]string, len(j.caches))
	for i, raw := range j.caches {
		ordered[i] = withPriority(raw, i+1)
	}
	remembered := "30"
	if j.fresh {
		remembered = "0"
	}
	substitute := "true"
	if j.Offline {
		ordered, substitute = nil, "false"
	}
	stalled := int64(math.Ceil(s.o.StalledTimeout.Seconds()))
	return []string{
		"max-jobs = 0",
		"builders =",
		"fallback = false",
		"substitute = " + substitute,
		"require-sigs = true",
		"substituters = " + strings.Join(ordered, " "),
		"trusted-public-keys = " + strings.Join(keys, " "),
		// What a cache lacked a moment ago may have been pushed since; what it had may have been signed
		// since. Half a minute is enough for one run not to ask twice.
		"narinfo-cache-negative-ttl = 0",
		"narinfo-cache-positive-ttl = " + remembered,
		"connect-timeout = " + strconv.FormatInt(int64(connectTimeout.Seconds()), 10),
		"download-attempts = 2",
		"stalled-download-timeout = " + strconv.FormatInt(stalled, 10),
	}
}

// withPriority makes Nix ask the caches in our order: it goes by the priority that each cache gives
// itself, unless the URL says another.
func withPriority(raw string, priority int) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	q := u.Query()
	q.Set("priority", strconv.Itoa(priority))
	u.RawQuery = q.Encode()
	return u.String()
}

// undo makes the root what it was before a failed Realise.
func (s *Store) undo(r Request, before units.StorePath) error {
	now, err := s.root(r.Root)
	if err != nil {
		return err
	}
	if now == before || now != r.Path {
		return nil
	}
	return s.putBack(r.Root, before)
}

// acquire waits until no other call realises this root.
func (s *Store) acquire(ctx context.Context, name RootName) (release func(), err error) {
	for {
		s.mu.Lock()
		other, taken := s.busy[name]
		if !taken {
			mine := make(chan struct{})
			s.busy[name] = mine
			s.mu.Unlock()
			return func() {
				s.mu.Lock()
				delete(s.busy, name)
				s.mu.Unlock()
				close(mine)
			}, nil
		}
		s.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for root %s: %w", name, ctx.Err())
		}
	}
}

func (s *Store) isBusy(name RootName) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, taken := s.busy[name]
	return taken
}
