package sim

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"time"
)

// Schedule is everything that makes a run, as data: who there is, what is done, what goes wrong and when,
// and the seed of all the rest (how long messages take, which of them are lost). The same schedule gives the
// same run, bit for bit.
type Schedule struct {
	// Story is what a kept schedule once found.
	Story      string   `json:"story,omitempty"`
	Seed       uint64   `json:"seed"`
	Nodes      int      `json:"nodes"`
	Schedulers int      `json:"schedulers"`
	Apps       int      `json:"apps"`
	Rest       Span     `json:"rest"` // from when on nothing goes wrong any more
	End        Span     `json:"end"`
	Faults     []Strike `json:"faults"`
	Acts       []Act    `json:"acts"`
}

// The standard run.
const (
	standardNodes      = 5
	standardSchedulers = 2
	standardApps       = 12
	standardStrikes    = 28
	firstFault         = 40 * time.Second
	standardRest       = 19 * time.Minute // faults are over
	standardSettle     = 22 * time.Minute // so is what they made wait, and the operator says what is to be
	standardEnd        = 30 * time.Minute
)

// Draw returns the standard run of a seed.
func Draw(seed uint64) Schedule {
	r := rand.New(rand.NewPCG(seed, 0x6e73636865640002))
	s := Schedule{Seed: seed, Nodes: standardNodes, Schedulers: standardSchedulers, Apps: standardApps, Rest: Span(standardRest), End: Span(standardEnd)}
	cast := cast(s.Nodes, s.Schedulers)
	s.Faults = draw(StandardFaults(), cast, r, standardStrikes, firstFault, standardRest)
	s.Faults = wait(s.Faults, rand.New(rand.NewPCG(seed, 0x6e73636865640003)), standardRest)
	s.Acts = drawActs(r, s.Apps, cast.Nodes, standardRest, standardSettle)
	return s
}

// cast is who there is in a cluster of a size, without its having been made.
func cast(nodes, schedulers int) Cast {
	var c Cast
	for i := range nodes {
		n := nodeName(i)
		c.Nodes, c.Hosts = append(c.Nodes, n), append(c.Hosts, n)
		c.Processes = append(c.Processes, n+"/guard", n+"/daemon", n+"/reaper")
	}
	for i := range schedulers {
		n := schedulerName(i)
		c.Schedulers, c.Hosts = append(c.Schedulers, n+"/scheduler"), append(c.Hosts, n)
		c.Processes = append(c.Processes, n+"/scheduler")
	}
	return c
}

func nodeName(i int) string { return fmt.Sprintf("n%d", i+1) }

func schedulerName(i int) string { return fmt.Sprintf("s%d", i+1) }

// ReadSchedule reads a schedule from a file.
func ReadSchedule(path string) (Schedule, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Schedule{}, fmt.Errorf("read schedule: %w", err)
	}
	var s Schedule
	if err := json.Unmarshal(raw, &s); err != nil {
		return Schedule{}, fmt.Errorf("read schedule %s: %w", path, err)
	}
	return s, nil
}

// Write writes the schedule to a file.
func (s Schedule) Write(path string) error {
	raw, err := json.MarshalIndent(s, "", " ")
	if err == nil {
		err = os.WriteFile(path, append(raw, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write schedule: %w", err)
	}
	return nil
}
