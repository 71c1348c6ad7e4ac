package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/nix/nixtest"
)

// Stage is a cluster that tests share, with what serves and watches it.
type Stage struct {
	*cluster.Cluster
	Programs cluster.Programs
	Witness  *cluster.Witness
	Cache    map[string]*nixtest.Handler // by the names in caches
	Actor    string                      // its store path, in the main cache
	// Schedulers are there where one leads.
	Schedulers []*cluster.Scheduler
	// Environment is what the CLI is typed with: where etcd is.
	Environment []string

	plan    Plan
	closers []func() error
	mu      sync.Mutex
	nodes   map[string]*cluster.Node
	port    uint16
}

// caches are those that are served: the one that nodes ask, and those of which each holds what its name
// says.
var caches = []string{cluster.MainCache, "unsigned", "foreign"}

// open opens a stage without nodes and schedulers. When it fails, nothing is left.
func open(ctx context.Context, p Plan) (_ *Stage, err error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	root, err := cluster.Checkout(dir)
	if err != nil {
		return nil, err
	}
	programs, err := cluster.Build(ctx, root)
	if err != nil {
		return nil, err
	}
	if err := programs.Compile(ctx, map[string]string{"./cmd/nsched-lab/e2e/actor": actorProgram}); err != nil {
		return nil, err
	}
	p.Cluster.Programs = programs
	c, err := cluster.Open(ctx, p.Cluster)
	if err != nil {
		return nil, err
	}
	s := &Stage{
		Cluster: c, Programs: programs, Cache: map[string]*nixtest.Handler{}, plan: p, nodes: map[string]*cluster.Node{}, port: 20000,
		Environment: c.Environment(),
	}
	s.closers = append(s.closers, c.Close)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := s.serveCaches(ctx); err != nil {
		return nil, err
	}
	if err := s.watch(); err != nil {
		return nil, err
	}
	if s.Actor, err = s.Build(ctx, "actor", ""); err != nil {
		return nil, err
	}
	return s, c.Dev.PushMain(ctx, s.Actor)
}

// serveCaches serves every cache at its name.
func (s *Stage) serveCaches(ctx context.Context) error {
	mux := http.NewServeMux()
	for _, name := range caches {
		dir := filepath.Join(s.Caches(), name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		s.Cache[name] = nixtest.NewHandler(dir)
		mux.Handle("/"+name+"/", http.StripPrefix("/"+name, s.Cache[name]))
	}
	l, err := s.Lab.Listen(ctx, "tcp", ":"+cluster.CachePort)
	if err != nil {
		return err
	}
	web := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- web.Serve(l) }()
	s.closers = append(s.closers, func() error {
		err := web.Close()
		<-served
		return err
	})
	return nil
}

// Close ends the stage.
func (s *Stage) Close() error {
	var errs []error
	for _, f := range slices.Backward(s.closers) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// OnClose has f run when the stage closes, before what it was opened with ends.
func (s *Stage) OnClose(f func()) {
	s.closers = append(s.closers, func() error { f(); return nil })
}

// Node returns the node of that name, made for the first who asks, once it is ready.
func (s *Stage) Node(t *testing.T, name string) *cluster.Node {
	t.Helper()
	n, err := s.made(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	DumpOnFailure(t, n.Host)
	Eventually(t, name+" is ready", func() error { return n.Ready(t.Context()) })
	return n
}

// made returns the node of that name, which may not be ready.
func (s *Stage) made(ctx context.Context, name string) (*cluster.Node, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.nodes[name]; n != nil {
		return n, nil
	}
	if _, err := s.create(ctx, name); err != nil {
		return nil, err
	}
	var o cluster.NodeOptions
	if s.plan.Node != nil {
		o = s.plan.Node(name)
	}
	n, err := s.AddNode(ctx, name, o)
	if err == nil {
		s.nodes[name] = n
	}
	return n, err
}

// Get asks a service; the answer must be 200.
func (s *Stage) Get(ctx context.Context, url string) (string, error) {
	return s.Ask(ctx, http.MethodGet, url)
}

// Ask sends a request without a body; the answer must be 200.
func (s *Stage) Ask(ctx context.Context, method, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return "", err
	}
	req.Close = true
	rsp, err := s.HTTP.Do(req)
	if err != nil {
		return "", err
	}
	defer rsp.Body.Close()
	body, err := io.ReadAll(rsp.Body)
	if err == nil && rsp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, url, rsp.Status, body)
	}
	return string(body), err
}

// Known returns the node of that name, ready or not; nil where there is none.
func (s *Stage) Known(name string) *cluster.Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nodes[name]
}
