package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

// second is how one name fared in one second, as the worker's crowd tells it.
type second struct {
	At     time.Time      `json:"at"`
	Name   string         `json:"name"`
	Asked  int            `json:"asked"`
	Failed int            `json:"failed"`
	Why    map[string]int `json:"why"`
	Slow   time.Duration  `json:"slowNs"`
}

// Crowd asks the published apps all the time and remembers how it fared.
type Crowd struct {
	mu      sync.Mutex
	seconds []second
}

// gather sets a crowd to work. It ends with the stage.
func (s *Stage) gather(ctx context.Context) error {
	read, write := io.Pipe()
	argv := []string{s.o.Programs.Root + "/bin/" + workerProgram, "-crowd", "-resolver", s.Resolver().String(), "-rate", fmt.Sprint(askRate)}
	for name, port := range map[string]int{"web": webPort, "pair": pairPort} {
		argv = append(argv, fmt.Sprintf("%s.%s.:%d", name, cluster.Zone, port))
	}
	p, err := s.Lab.Start(ctx, host.Command{Argv: argv, Stdout: write})
	if err != nil {
		return fmt.Errorf("gather a crowd: %w", err)
	}
	s.Crowd = &Crowd{}
	ended := make(chan struct{})
	go func() { // ends with the pipe
		defer close(ended)
		s.Crowd.listen(read)
	}()
	s.closers = append(s.closers, func() error {
		p.Kill()
		_ = write.Close()
		<-ended
		return nil
	})
	return nil
}

func (c *Crowd) listen(r io.Reader) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		var s second
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			continue
		}
		c.mu.Lock()
		c.seconds = append(c.seconds, s)
		c.mu.Unlock()
	}
}

// Fared is how the crowd fared for a while.
type Fared struct {
	Asked  int            `json:"asked"`
	Failed int            `json:"failed"`
	Why    map[string]int `json:"why,omitempty"`
	// Slowest is the longest that an answer took.
	Slowest time.Duration `json:"slowestNs"`
}

// Between sums up what was asked in a time.
func (c *Crowd) Between(from, to time.Time) Fared {
	f := Fared{Why: map[string]int{}}
	if c == nil {
		return f
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.seconds {
		if s.At.Before(from) || s.At.After(to) {
			continue
		}
		f.Asked, f.Failed, f.Slowest = f.Asked+s.Asked, f.Failed+s.Failed, max(f.Slowest, s.Slow)
		for why, n := range s.Why {
			word, _, _ := strings.Cut(why, " ")
			f.Why[word] += n
		}
	}
	return f
}

// all is how often the crowd asked since it began, and how long that is.
func (c *Crowd) all() (asked int, lasted time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.seconds {
		asked += s.Asked
	}
	if len(c.seconds) > 0 {
		lasted = c.seconds[len(c.seconds)-1].At.Sub(c.seconds[0].At)
	}
	return asked, lasted
}
