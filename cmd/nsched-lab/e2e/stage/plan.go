package stage

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

// Plan says what a stage begins with.
type Plan struct {
	Cluster cluster.Options // Programs are found and built by Open
	// Prepare runs before any host of nsched is made.
	Prepare func(context.Context, *Stage) error
	// Files are what a host of that name has before it boots, by path.
	Files func(name string) map[string][]byte
	// Schedulers are hosts, with what their environment holds besides.
	Schedulers  []string
	Environment map[string]string
	// Nodes are made and not awaited. Node is how one of that name is, these and later ones.
	Nodes   []string
	Node    func(name string) cluster.NodeOptions
	CoreDNS bool
}

// Open opens the stage. When it fails, nothing is left.
func (p Plan) Open(ctx context.Context) (_ *Stage, err error) {
	s, err := open(ctx, p)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if p.Prepare != nil {
		if err := p.Prepare(ctx, s); err != nil {
			return nil, err
		}
	}
	for _, name := range p.Schedulers {
		if err := s.addScheduler(ctx, name, p.Environment); err != nil {
			return nil, err
		}
	}
	for _, name := range p.Nodes {
		if _, err := s.made(ctx, name); err != nil {
			return nil, err
		}
	}
	if p.CoreDNS {
		err = s.StartCoreDNS(ctx)
	}
	return s, err
}

func (s *Stage) addScheduler(ctx context.Context, name string, environment map[string]string) error {
	h, err := s.create(ctx, name)
	if err != nil {
		return err
	}
	text := "[Service]\n"
	for key, value := range environment {
		text += fmt.Sprintf("Environment=%s=%s\n", key, value)
	}
	if err := h.WriteFile(ctx, "/etc/systemd/system/"+cluster.SchedulerUnit+".d/stage.conf", []byte(text), 0o644); err != nil {
		return err
	}
	leader, err := s.AddScheduler(ctx, name)
	if err == nil {
		s.Schedulers = append(s.Schedulers, leader)
	}
	return err
}

// create makes a host with its files, which is off.
func (s *Stage) create(ctx context.Context, name string) (*host.Host, error) {
	h, err := s.Lab.Create(ctx, name, host.Bind{Source: s.place("witness"), Target: witnessDir, Writable: true})
	if err != nil || s.plan.Files == nil {
		return h, err
	}
	for file, text := range s.plan.Files(name) {
		if err := h.WriteFile(ctx, file, text, 0o600); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// Led returns the stage with a leader and all nodes of its plan ready.
func (l *Lazy) Led(t *testing.T) *Stage {
	t.Helper()
	s := l.On(t)
	for _, h := range s.Schedulers {
		DumpOnFailure(t, h.Host)
	}
	for _, name := range s.plan.Nodes {
		s.Node(t, name)
	}
	Eventually(t, "a scheduler leads", func() error { _, _, err := s.Leader(); return err })
	return s
}
