package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/host"
	"github.com/nsched/nsched/nix/nixtest"
	"github.com/nsched/nsched/units"
)

// The cluster that is hurt.
const (
	memberCount    = 3
	schedulerCount = 2
	// NodeCount is how many nodes there are by default.
	NodeCount = 5
)

// Options say what is set up.
type Options struct {
	Programs cluster.Programs
	// Nodes is how many; 0 is NodeCount.
	Nodes int
	// Variants is how many packages of the worker there are, each of which has to be fetched on its own;
	// 0 are enough for the operator.
	Variants int
	// Bare leaves out the steady apps, the crowd and the operator: for who brings an app of its own.
	Bare bool
	// Logger tells what is done to the cluster and how it fares.
	Logger zerolog.Logger
}

// Stage is a cluster with all that watches it from outside.
type Stage struct {
	*cluster.Cluster
	Nodes      []*cluster.Node
	Schedulers []*cluster.LocalScheduler
	Witness    *cluster.Witness
	Census     *Watchman
	History    *History
	Crowd      *Crowd    // nil on a bare stage
	Operator   *Operator // nil on a bare stage
	Cache      *nixtest.Handler
	Variants   []string // store paths of the worker, each a closure of its own

	o       Options
	log     zerolog.Logger
	web     *http.Client // a new connection for each request
	closers []func() error

	mu    sync.Mutex
	power map[string][]Outage
}

// Outage is a time without power of a host. Until is zero while it lasts.
type Outage struct{ From, Until time.Time }

// witnessDir is where a host finds the witness's socket.
const witnessDir = "/srv/witness"

// patience is how long anything may take that is not judged.
const patience = 3 * time.Minute

// Open sets the cluster up and returns when all of it is ready. When it fails nothing is left.
func Open(ctx context.Context, o Options) (_ *Stage, err error) {
	if o.Nodes == 0 {
		o.Nodes = NodeCount
	}
	if o.Variants == 0 {
		o.Variants = variantCount
	}
	if err := o.Programs.Compile(ctx, map[string]string{"./cmd/nsched-lab/chaos/worker": workerProgram}); err != nil {
		return nil, err
	}
	c, err := cluster.Open(ctx, cluster.Options{Programs: o.Programs, Members: memberCount, Schedulers: schedulerCount})
	if err != nil {
		return nil, err
	}
	s := &Stage{Cluster: c, o: o, log: o.Logger, closers: []func() error{c.Close}, power: map[string][]Outage{}}
	s.web = &http.Client{Transport: &http.Transport{DialContext: c.Lab.DialContext, DisableKeepAlives: true}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	for _, f := range []func(context.Context) error{s.watch, s.serveCache, s.pack, s.hosts, s.settle} {
		if err := f(ctx); err != nil {
			return nil, err
		}
	}
	if o.Bare {
		return s, nil
	}
	return s, s.employ(ctx)
}

// Close ends everything and leaves nothing.
func (s *Stage) Close() error {
	var errs []error
	for _, f := range slices.Backward(s.closers) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// watch sets up those who look from outside: none of them depends on the network that faults are in.
func (s *Stage) watch(ctx context.Context) error {
	dir := s.place("witness")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	socket := filepath.Join(dir, "socket")
	l, err := net.Listen("unix", socket)
	if err != nil {
		return fmt.Errorf("open the witness's socket: %w", err)
	}
	s.Witness = cluster.NewWitness(l)
	s.closers = append(s.closers, func() error { s.Witness.Close(); return nil })
	// Services run as other users.
	if err := os.Chmod(socket, 0o777); err != nil {
		return fmt.Errorf("open the witness's socket: %w", err)
	}
	s.History, err = NewHistory(ctx, s.Cluster)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() error { s.History.Close(); return nil })
	return nil
}

// place is a directory of the lab's own, which holder and machine see under one name.
func (s *Stage) place(name string) string { return filepath.Join(host.StateDir, s.Lab.ID(), name) }

// serveCache serves the binary cache, with faults.
func (s *Stage) serveCache(ctx context.Context) error {
	dir := filepath.Join(s.Caches(), cluster.MainCache)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	l, err := s.Lab.Listen(ctx, "tcp", ":"+cluster.CachePort)
	if err != nil {
		return err
	}
	s.Cache = nixtest.NewHandler(dir)
	s.Cache.SetSpeed(slowBytesPerSecond)
	mux := http.NewServeMux()
	mux.Handle("/"+cluster.MainCache+"/", http.StripPrefix("/"+cluster.MainCache, s.Cache))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	s.closers = append(s.closers, func() error {
		err := server.Close()
		<-served
		return err
	})
	return nil
}

// hosts makes the nodes, one after the other, so that their addresses are in order, and boots them all at
// once, beside the schedulers and CoreDNS.
func (s *Stage) hosts(ctx context.Context) error {
	s.Nodes = make([]*cluster.Node, s.o.Nodes)
	options := make([]cluster.NodeOptions, s.o.Nodes)
	var names []string
	for i := range s.Nodes {
		name := fmt.Sprintf("n%d", i+1)
		names = append(names, name)
		store, err := s.makeStore(ctx, name)
		if err != nil {
			return err
		}
		binds := []host.Bind{store, {Source: s.place("witness"), Target: witnessDir, Writable: true}}
		if _, err := s.Lab.Create(ctx, name, binds...); err != nil {
			return err
		}
		options[i] = cluster.NodeOptions{Labels: []string{"number=" + fmt.Sprint(i+1)}}
	}
	s.Census = newWatchman(s.Cluster.Census(names...))
	s.closers = append(s.closers, func() error { s.Census.Close(); return nil })
	for i := range schedulerCount {
		sch, err := s.RunScheduler(ctx, fmt.Sprintf("s%d", i+1))
		if err != nil {
			return err
		}
		s.Schedulers = append(s.Schedulers, sch)
		s.closers = append(s.closers, func() error { sch.Stop(); return nil })
	}
	group, booting := errgroup.WithContext(ctx)
	group.Go(func() error { return s.StartCoreDNS(booting) })
	for i := range s.Nodes {
		group.Go(func() (err error) {
			s.Nodes[i], err = s.AddNode(booting, names[i], options[i])
			return err
		})
	}
	return group.Wait()
}

// makeStore gives a host a store on a file system of its own, so that it can be full, and so that it
// outlives a power cut as a disk does.
func (s *Stage) makeStore(ctx context.Context, name string) (host.Bind, error) {
	dir := "/run/stores/" + name
	_, err := s.Lab.Exec(ctx, "sh", "-ec", `mkdir -p "$0"; mount -t tmpfs -o mode=0755,size=256m "store-$1" "$0"`, dir, name)
	if err != nil {
		return host.Bind{}, fmt.Errorf("make a store for %s: %w", name, err)
	}
	return host.Bind{Source: dir, Target: "/nix", Writable: true}, nil
}

// settle waits until every node is ready and somebody leads.
func (s *Stage) settle(ctx context.Context) error {
	return s.until(ctx, "the cluster is ready", func() error { return s.sound(ctx) })
}

var errNobody = errors.New("nobody leads")

// sound returns nil when every node that has power says that it is ready and somebody leads.
func (s *Stage) sound(ctx context.Context) error {
	if name, _ := s.History.Leader(); name == "" {
		return errNobody
	}
	group, asking := errgroup.WithContext(ctx)
	for _, n := range s.lit() {
		group.Go(func() error {
			asking, cancel := context.WithTimeout(asking, 2*time.Second)
			defer cancel()
			if err := n.Ready(asking); err != nil {
				return fmt.Errorf("%s: %w", n.Name(), err)
			}
			return nil
		})
	}
	return group.Wait()
}

// until asks until check returns nil.
func (s *Stage) until(ctx context.Context, what string, check func() error) error {
	return cluster.Until(ctx, patience, 100*time.Millisecond, what, check)
}

// Leader returns the scheduler that leads, and the other one.
func (s *Stage) Leader(ctx context.Context) (leads, waits *cluster.LocalScheduler, err error) {
	err = s.until(ctx, "a scheduler leads", func() error {
		name, _ := s.History.Leader()
		for _, h := range s.Schedulers {
			if h.Name == name {
				leads = h
			} else {
				waits = h
			}
		}
		if leads == nil {
			return errNobody
		}
		return nil
	})
	return leads, waits, err
}

// node returns the node of that name.
func (s *Stage) node(name units.NodeName) *cluster.Node {
	for _, n := range s.Nodes {
		if n.Node == name {
			return n
		}
	}
	return nil
}

// PowerOff cuts the power of hosts, and notes that it did.
func (s *Stage) PowerOff(ctx context.Context, nodes ...*cluster.Node) error {
	group, all := errgroup.WithContext(ctx)
	for _, n := range nodes {
		s.noteOff(n)
		group.Go(func() error { return n.PowerOff(all) })
	}
	return group.Wait()
}

func (s *Stage) noteOff(n *cluster.Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.power[n.Name()] = append(s.power[n.Name()], Outage{From: time.Now()})
}

// PowerOn boots hosts that were off.
func (s *Stage) PowerOn(ctx context.Context, nodes ...*cluster.Node) error {
	group, all := errgroup.WithContext(ctx)
	for _, n := range nodes {
		group.Go(func() error {
			err := n.PowerOn(all)
			s.mu.Lock()
			defer s.mu.Unlock()
			list := s.power[n.Name()]
			list[len(list)-1].Until = time.Now()
			return err
		})
	}
	return group.Wait()
}

// lit are the nodes that have power.
func (s *Stage) lit() []*cluster.Node {
	return slices.DeleteFunc(slices.Clone(s.Nodes), func(n *cluster.Node) bool { return s.dark(n.Name(), time.Now()) })
}

// dark says whether a host was without power, or about to be, at a time.
func (s *Stage) dark(name string, at time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.power[name], func(o Outage) bool {
		return !at.Before(o.From) && (o.Until.IsZero() || at.Before(o.Until))
	})
}
