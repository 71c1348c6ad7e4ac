package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// judge says whether the cluster is what people want it to be, by those who watch from outside: what is
// wanted and assigned from etcd, what runs from the witness, whether it serves from its own answer.
type judge struct {
	s *Stage
	// from is the revision after which the leader must have given a sign of life.
	from int64
	// once are the apps under change that have been seen as wanted: they need to be so at one moment.
	once map[units.AppID]bool
}

func newJudge(s *Stage) *judge {
	s.History.mu.Lock()
	defer s.History.mu.Unlock()
	return &judge{s: s, from: s.History.rev, once: map[units.AppID]bool{}}
}

// wantedApp is what people want of an app.
type wantedApp struct {
	id         units.AppID
	count      int
	generation units.Generation
	changing   bool
}

func (j *judge) wanted() []wantedApp {
	var out []wantedApp
	each(j.s.History, registry.KindApp, func(k registry.Key, _ registry.KeyValue, i units.Intent) {
		w := wantedApp{k.App, i.Count, i.Generation, slices.Contains(growing, string(k.App.Name))}
		if k.App == appID("everywhere") {
			w.count = len(j.s.lit())
		}
		if i.Stopped {
			w.count = 0
		}
		out = append(out, w)
	})
	slices.SortFunc(out, func(a, b wantedApp) int { return a.id.Compare(b.id) })
	return out
}

// unmetError says what is not as wanted, and how many units are missing, or too many.
type unmetError struct {
	units int
	what  string
}

func unmet(units int, format string, args ...any) error {
	return &unmetError{units, fmt.Sprintf(format, args...)}
}

// Error implements error.
func (e *unmetError) Error() string { return e.what + ": " + errUnmet.Error() }

// Unwrap makes it an errUnmet.
func (e *unmetError) Unwrap() error { return errUnmet }

// unmetUnits counts the units that are not as wanted; of what says no number it is one.
func unmetUnits(err error) int {
	switch e := err.(type) {
	case nil:
		return 0
	case *unmetError:
		return e.units
	case interface{ Unwrap() []error }:
		n := 0
		for _, one := range e.Unwrap() {
			n += unmetUnits(one)
		}
		return max(n, 1)
	}
	return 1
}

var (
	errUnmet = errors.New("not as wanted")
	errMute  = errors.New("the leader has given no sign of life")
)

// look returns nil when all is as wanted, else what is not.
func (j *judge) look(ctx context.Context) error {
	var errs []error
	assigned := j.s.History.Assignments()
	var serving []string
	wanted := j.wanted()
	if len(wanted) == 0 {
		return unmet(1, "nobody wants anything") // or nobody sees what is wanted
	}
	for _, w := range wanted {
		urls, err := j.app(w, assigned)
		if err == nil {
			j.once[w.id] = true
			serving = append(serving, urls...)
		} else if !w.changing || !j.once[w.id] {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if j.sign() <= j.from {
		return errMute
	}
	if err := j.s.sound(ctx); err != nil {
		return err
	}
	group, asking := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for _, url := range serving {
		group.Go(func() error { return j.s.ask(asking, url) })
	}
	return group.Wait()
}

// app checks one app and returns where its units answer.
func (j *judge) app(w wantedApp, assigned map[units.UnitID]Placed) ([]string, error) {
	lives := j.s.Witness.Select(func(l cluster.Life) bool {
		id, err := units.ParseUnitID(l.Unit)
		return err == nil && id.AppID() == w.id && l.End.IsZero()
	})
	return w.serving(lives, assigned, func(name units.NodeName) (host, address string) {
		if n := j.s.node(name); n != nil && !j.s.dark(n.Name(), time.Now()) {
			return n.Name(), n.Address().String()
		}
		return "", ""
	})
}

// serving checks that just those units live that are assigned, each once and where it is, and returns where they
// answer. home says where a node is, and nothing of one without power: what is assigned there may come back.
func (w wantedApp) serving(lives []cluster.Life, assigned map[units.UnitID]Placed, home func(units.NodeName) (host, address string)) ([]string, error) {
	var urls []string
	slots, up := map[units.Slot]bool{}, map[units.UnitID]bool{}
	for _, l := range lives {
		id, _ := units.ParseUnitID(l.Unit) // it was selected by it
		a, ok := assigned[id]
		host, address := home(a.Node)
		switch {
		case !ok || a.Desired == units.DesiredStop || host == "" || host != l.Host:
			return nil, unmet(1, "%s runs on %s and should not", l.Unit, l.Host)
		case slots[id.Slot]:
			return nil, unmet(1, "slot %s of %s runs twice", id.Slot, w.id)
		case id.Generation != w.generation:
			return nil, unmet(1, "%s is of an old generation", l.Unit)
		}
		slots[id.Slot], up[id] = true, true
		if port := a.Ports["http"]; !w.changing {
			urls = append(urls, fmt.Sprintf("http://%s:%d/health", address, port))
		}
	}
	if missing := w.count - len(lives); missing != 0 {
		return nil, unmet(max(missing, -missing), "%d of %d units of %s run", len(lives), w.count, w.id)
	}
	for _, id := range slices.SortedFunc(maps.Keys(assigned), units.UnitID.Compare) {
		a := assigned[id]
		if host, _ := home(a.Node); id.AppID() == w.id && a.Desired == units.DesiredRun && host != "" && !up[id] {
			// As one that comes back with its node: its replacement will go.
			return nil, unmet(1, "%s is yet to run on %s", id, host)
		}
	}
	return urls, nil
}

// sign is the revision of the leader's latest sign of life.
func (j *judge) sign() int64 {
	rev := int64(0)
	each(j.s.History, registry.KindClock, func(_ registry.Key, kv registry.KeyValue, _ units.Clock) { rev = kv.ModRevision })
	return rev
}

func (s *Stage) ask(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	rsp, err := s.web.Do(req)
	if err != nil {
		return err
	}
	defer rsp.Body.Close()
	if rsp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %w", url, rsp.Status, errUnmet)
	}
	return nil
}

// Converge waits until all is as wanted and returns how long that took. It gives up after a while, with
// the last that was not.
func (s *Stage) Converge(ctx context.Context, patience time.Duration) (time.Duration, error) {
	begun := time.Now()
	j := newJudge(s)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := j.look(ctx)
		if err == nil {
			return time.Since(begun), nil
		}
		select {
		case <-ctx.Done():
			return time.Since(begun), err
		case <-time.After(200 * time.Millisecond):
		}
	}
}
