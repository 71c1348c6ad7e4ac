package figures

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// stage is a cluster of nodes, two schedulers and a cache, and those who look at it.
type stage struct {
	*cluster.Cluster
	programs   cluster.Programs
	nodes      []*cluster.Node
	schedulers []*cluster.Scheduler
	witness    *cluster.Witness
	web        *http.Client // a new connection for each request
	served     atomic.Int64 // bytes of the cache
	path       string       // the service that most figures run
	closers    []func() error
}

const (
	witnessPort = "9000"
	// patience is how long anything may take that is not measured.
	patience = 2 * time.Minute
	look     = 20 * time.Millisecond
)

func openStage(ctx context.Context, o Options, nodes int) (_ *stage, err error) {
	if err := o.Programs.Compile(ctx, map[string]string{"./cmd/nsched-lab/e2e/actor": actorProgram}); err != nil {
		return nil, err
	}
	c, err := cluster.Open(ctx, cluster.Options{Programs: o.Programs})
	if err != nil {
		return nil, err
	}
	s := &stage{Cluster: c, programs: o.Programs, closers: []func() error{c.Close}}
	s.web = &http.Client{Transport: &http.Transport{DialContext: c.Lab.DialContext, DisableKeepAlives: true}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	l, err := c.Lab.Listen(ctx, "tcp", ":"+witnessPort)
	if err != nil {
		return nil, err
	}
	s.witness = cluster.NewWitness(l)
	s.closers = append(s.closers, func() error { s.witness.Close(); return nil })
	if err := s.serveCache(ctx); err != nil {
		return nil, err
	}
	if s.path, err = s.build(ctx, "same"); err != nil {
		return nil, err
	}
	s.nodes, s.schedulers = make([]*cluster.Node, nodes), make([]*cluster.Scheduler, 2)
	group, booting := errgroup.WithContext(ctx)
	for i := range s.schedulers {
		group.Go(func() (err error) {
			s.schedulers[i], err = c.AddScheduler(booting, fmt.Sprintf("s%d", i+1))
			return err
		})
	}
	for i := range s.nodes {
		group.Go(func() (err error) {
			s.nodes[i], err = c.AddNode(booting, fmt.Sprintf("n%d", i+1), cluster.NodeOptions{})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if err := s.ready(ctx, s.nodes...); err != nil {
		return nil, err
	}
	return s, s.until(ctx, "a scheduler leads", func() error { _, err := s.leader(ctx); return err })
}

// serveCache serves the binary cache, counting.
func (s *stage) serveCache(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Join(s.Caches(), cluster.MainCache), 0o755); err != nil {
		return err
	}
	l, err := s.Lab.Listen(ctx, "tcp", ":"+cluster.CachePort)
	if err != nil {
		return err
	}
	files := http.FileServer(http.Dir(s.Caches()))
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		files.ServeHTTP(&counting{w, &s.served}, r)
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	s.closers = append(s.closers, func() error {
		err := server.Close()
		<-served
		return err
	})
	return nil
}

type counting struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.n.Add(int64(n))
	return n, err
}

func (s *stage) close() error {
	var errs []error
	for _, f := range slices.Backward(s.closers) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// dump leaves what the parts said in a file of its own and returns its name.
func (s *stage) dump(ctx context.Context) string {
	f, err := os.CreateTemp("", "nsched-figures-*.log")
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	s.Dump(ctx, f)
	for _, h := range s.schedulers {
		out, err := h.Exec(ctx, "journalctl", "--no-pager", "--output=short-precise", "--lines=200", "--unit=nsched*")
		_, _ = fmt.Fprintf(f, "--- journal of %s (%v)\n%s\n", h.Name(), err, out)
	}
	return f.Name()
}

// until asks until check returns nil.
func (s *stage) until(ctx context.Context, what string, check func() error) error {
	return cluster.Until(ctx, patience, look, what, check)
}

// ready waits until the nodes say that they are.
func (s *stage) ready(ctx context.Context, nodes ...*cluster.Node) error {
	for _, n := range nodes {
		if err := s.until(ctx, n.Name()+" is ready", func() error { return n.Ready(ctx) }); err != nil {
			return err
		}
	}
	return nil
}

var errNobody = errors.New("nobody leads")

// leadership is who leads, and the term; seen is the revision at which it was so.
type leadership struct {
	*cluster.Scheduler
	key        string
	term, seen int64
}

// leader finds who leads: the oldest key of the election.
func (s *stage) leader(ctx context.Context) (leadership, error) {
	prefix := s.Keys.Under(registry.KindLeader)
	r, err := s.Registry.Range(ctx, registry.Range{Key: prefix, End: registry.PrefixEnd(prefix)})
	if err != nil {
		return leadership{}, err
	}
	if len(r.KVs) == 0 {
		return leadership{}, errNobody
	}
	first := slices.MinFunc(r.KVs, func(a, b registry.KeyValue) int { return int(a.CreateRevision - b.CreateRevision) })
	l, _, err := registry.Decode[units.Leader](first.Key, first.Value)
	if err != nil {
		return leadership{}, err
	}
	for _, h := range s.schedulers {
		if h.Name() == l.Name {
			return leadership{h, first.Key, first.CreateRevision, r.Revision}, nil
		}
	}
	return leadership{}, fmt.Errorf("%w: %s is no scheduler of this lab", errNobody, l.Name)
}
