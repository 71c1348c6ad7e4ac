package chaos

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nsched/nsched/units"
)

// The apps that run all the time. What is steady is left alone by the operator.
var (
	singletons = []string{"lone-quick", "lone-slow", "lone-deaf"}
	// kept run on whatever happens, but where their machine has no power.
	kept = []string{"web", "pair", "steady", "patient", "everywhere"}
	// bound stop where their node has lost the cluster: singletons, and those that say so. Each has its
	// stop time.
	bound = map[string]time.Duration{
		"lone-quick": 2 * time.Second, "lone-slow": 4 * time.Second, "lone-deaf": 8 * time.Second, "tied": 2 * time.Second,
	}
)

// Singletons are the names of those that run all the time.
func Singletons() []string { return slices.Clone(singletons) }

const (
	webPort  = 8001
	pairPort = 8002
	// askRate is how many questions the crowd asks each second.
	askRate = 200
	// patientFor is how long the app that waits for its lost node does so.
	patientFor = 20 * time.Second
)

// steady are the documents of the apps that run all the time.
func (s *Stage) steady() []Document {
	path := s.Variants[0]
	lone := func(name string, args ...string) Document {
		return s.Worker(name, path, append([]string{"-writes", "250ms"}, args...)...).
			With("singleton", true).With("stop", Document{"timeout": bound[name].String()})
	}
	return []Document{
		lone("lone-quick"),
		lone("lone-slow", "-stop-takes", "2s"),
		// Its stop takes longer than what a lease leaves time for, so its replacement comes later.
		lone("lone-deaf", "-ignore-stop"),
		s.Worker("web", path).With("count", 4).With("algorithm", "spread").published(webPort),
		s.Worker("pair", path).With("count", 2).With("algorithm", "spread").published(pairPort),
		s.Worker("steady", path).With("count", 5).With("algorithm", "spread"),
		s.Worker("patient", path).With("count", 2).With("algorithm", "spread").
			With("disconnect", Document{"lostAfter": patientFor.String()}),
		s.Worker("everywhere", path).With("type", "system"),
		s.Worker("tied", path).With("count", 2).With("algorithm", "spread").
			With("disconnect", Document{"onPartition": "stop"}),
	}
}

// employ submits the steady apps and waits for them, and sets crowd and operator to work.
func (s *Stage) employ(ctx context.Context) error {
	for _, d := range s.steady() {
		if err := s.Submit(ctx, d); err != nil {
			return err
		}
	}
	for _, name := range singletons {
		s.Census.Guard(appID(name))
	}
	if _, err := s.Converge(ctx, patience); err != nil {
		return fmt.Errorf("wait until all apps run: %w", err)
	}
	if err := s.gather(ctx); err != nil {
		return err
	}
	s.Operator = s.operate(ctx)
	s.closers = append(s.closers, func() error { s.Operator.Close(); return nil })
	return nil
}

// of says whether a unit is of an app of that name.
func of(unit, name string) bool {
	id, err := units.ParseUnitID(unit)
	return err == nil && id.AppID() == appID(name)
}
