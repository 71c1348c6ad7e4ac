package e2e

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

// stage is a cluster that tests share, with what serves and watches it.
type stage struct {
	*cluster.Cluster
	programs cluster.Programs
	witness  *cluster.Witness
	caches   map[string]*nixtest.Handler
	cacheWeb *http.Server
	actor    string // a store path in the main cache
	closers  []func() error
	// schedulers are there where one leads.
	schedulers []*cluster.Scheduler

	mu    sync.Mutex
	nodes map[string]*cluster.Node
	port  uint16
}

const (
	witnessPort = "9000"
	// openWithin bounds the opening: the programs may have to be built.
	openWithin = 15 * time.Minute
)

// lazy is a stage that is opened for the first who asks and closed after the last test.
type lazy struct {
	open  func(context.Context) (*stage, error)
	once  sync.Once
	stage *stage
	err   error
}

// oneNode is where tests write assignments by hand; whole is a cluster that a scheduler leads.
var (
	oneNode = lazy{open: openStage}
	whole   = lazy{open: openWhole}
)

func (l *lazy) get(t *testing.T) *stage {
	t.Helper()
	l.once.Do(func() {
		ctx, cancel := context.WithTimeout(background(), openWithin)
		defer cancel()
		l.stage, l.err = l.open(ctx)
	})
	if l.err != nil {
		t.Fatal(l.err)
	}
	return l.stage
}

// onStage returns the cluster whose nodes are told by hand what to do.
func onStage(t *testing.T) *stage {
	t.Helper()
	return oneNode.get(t)
}

func closeStages() error {
	var errs []error
	for _, l := range []*lazy{&oneNode, &whole} {
		if l.stage != nil {
			errs = append(errs, l.stage.close())
		}
	}
	return errors.Join(errs...)
}

// the caches, beside the main one that nodes ask. Each holds what its name says.
var badCaches = []string{"unsigned", "foreign"}

func openStage(ctx context.Context) (_ *stage, err error) {
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
	c, err := cluster.Open(ctx, cluster.Options{Programs: programs})
	if err != nil {
		return nil, err
	}
	s := &stage{Cluster: c, programs: programs, caches: map[string]*nixtest.Handler{}, nodes: map[string]*cluster.Node{}, port: 20000}
	s.closers = append(s.closers, c.Close)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err := s.serveCaches(ctx); err != nil {
		return nil, err
	}
	l, err := c.Lab.Listen(ctx, "tcp", ":"+witnessPort)
	if err != nil {
		return nil, err
	}
	s.witness = cluster.NewWitness(l)
	s.closers = append(s.closers, func() error { s.witness.Close(); return nil })
	if s.actor, err = s.build(ctx, "actor", ""); err != nil {
		return nil, err
	}
	return s, c.Dev.PushMain(ctx, s.actor)
}

// serveCaches serves every cache at its name.
func (s *stage) serveCaches(ctx context.Context) error {
	mux := http.NewServeMux()
	for _, name := range append([]string{cluster.MainCache}, badCaches...) {
		dir := filepath.Join(s.Caches(), name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		s.caches[name] = nixtest.NewHandler(dir)
		mux.Handle("/"+name+"/", http.StripPrefix("/"+name, s.caches[name]))
	}
	l, err := s.Lab.Listen(ctx, "tcp", ":"+cluster.CachePort)
	if err != nil {
		return err
	}
	s.cacheWeb = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- s.cacheWeb.Serve(l) }()
	s.closers = append(s.closers, func() error {
		err := s.cacheWeb.Close()
		<-served
		return err
	})
	return nil
}

func (s *stage) close() error {
	var errs []error
	for _, f := range slices.Backward(s.closers) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// node returns the node of that name, made for the first who asks, once it is ready.
func (s *stage) node(t *testing.T, name string) *cluster.Node {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.nodes[name]
	if n == nil {
		var err error
		if n, err = s.AddNode(t.Context(), name, cluster.NodeOptions{}); err != nil {
			t.Fatal(err)
		}
		s.nodes[name] = n
	}
	s.dumpOnFailure(t, n)
	eventually(t, name+" is ready", func() error { return n.Ready(t.Context()) })
	return n
}

// dumpOnFailure shows what the node says when the test has failed.
func (s *stage) dumpOnFailure(t *testing.T, n *cluster.Node) {
	t.Cleanup(func() {
		if t.Failed() {
			ctx, cancel := context.WithTimeout(background(), 20*time.Second)
			defer cancel()
			cluster.DumpHost(ctx, t.Output(), n.Host)
		}
	})
}

// patience is how long anything may take to become true on the busiest machine.
const patience = 2 * time.Minute

// eventually asks until check returns nil.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %v: %v", what, patience, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// get asks a service; the answer must be 200.
func (s *stage) get(ctx context.Context, url string) (string, error) {
	return s.ask(ctx, http.MethodGet, url)
}

func (s *stage) ask(ctx context.Context, method, url string) (string, error) {
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

// run executes a program on a host; it must succeed.
func run(t *testing.T, h interface {
	Exec(context.Context, ...string) (string, error)
}, argv ...string,
) string {
	t.Helper()
	out, err := h.Exec(t.Context(), argv...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
