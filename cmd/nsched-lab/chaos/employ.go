package chaos

import (
	"context"
	"fmt"
	"time"

	"github.com/nsched/nsched/units"
)

// The apps that run all the time. What is steady is left alone by the operator.
var (
	singletons = []string{"lone-quick", "lone-slow", "lone-deaf"}
	// kept run on whatever happens, but where their machine has no power.
	kept = []string{"web", "pair", "steady", "patient", "everywhere"}
	// bound stop where their node has lost the cluster, and so do singletons.
	bound = []string{"tied"}
)

const (
	webPort  = 8001
	pairPort = 8002
	// askRate is how many questions the crowd asks each second.
	askRate = 200
	// patientFor is how long the app that waits for its lost node does so.
	patientFor = 20 * time.Second
)

// steady are the documents of the apps that run all the time.
func (s *Stage) steady() []document {
	path := s.Variants[0]
	lone := func(name, stop string, args ...string) document {
		return s.worker(name, path, append([]string{"-writes", "250ms"}, args...)...).
			with("singleton", true).with("stop", document{"timeout": stop})
	}
	return []document{
		lone("lone-quick", "2s"),
		lone("lone-slow", "4s", "-stop-takes", "2s"),
		// Its stop takes longer than what a lease leaves time for, so its replacement comes later.
		lone("lone-deaf", "8s", "-ignore-stop"),
		s.worker("web", path).with("count", 4).with("algorithm", "spread").published(webPort),
		s.worker("pair", path).with("count", 2).with("algorithm", "spread").published(pairPort),
		s.worker("steady", path).with("count", 5).with("algorithm", "spread"),
		s.worker("patient", path).with("count", 2).with("algorithm", "spread").
			with("disconnect", document{"lostAfter": patientFor.String()}),
		s.worker("everywhere", path).with("type", "system"),
		s.worker("tied", path).with("count", 2).with("algorithm", "spread").
			with("disconnect", document{"onPartition": "stop"}),
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
	if _, err := s.converge(ctx, patience); err != nil {
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
