package figures

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/nsched/nsched/cmd/nsched-lab/chaos"
	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
)

// Options say what is measured.
type Options struct {
	Programs cluster.Programs
	// Dir is where samples are kept.
	Dir string
	// Groups are measured one after the other, each in a lab of its own.
	Groups []string
	N      int
	// Add keeps the samples of earlier runs; otherwise a figure is begun anew.
	Add bool
	// Logger tells each sample as it is taken.
	Logger zerolog.Logger
}

// ErrGroup: there is no such group of figures.
var ErrGroup = errors.New("no such group of figures")

// measurements take the samples of a group. Each hands what it finds to the recorder as it goes.
var measurements = map[string]struct {
	nodes   int
	measure func(*stage, context.Context, *recorder) error
}{
	GroupSubmit: {3, (*stage).submits},
	GroupLeader: {2, (*stage).leaders},
	GroupDaemon: {2, (*stage).daemons},
	GroupIdle:   {3, (*stage).idles},
	GroupLoss:   {4, (*stage).losses},
	GroupOutage: {3, (*stage).outages},
}

// hurts are the groups whose cluster is one to be hurt, with three etcd members and all that watches from
// outside.
var hurts = map[string]struct {
	options chaos.Options
	measure func(context.Context, *chaos.Stage, *recorder) error
}{
	GroupFence:    {chaos.Options{Nodes: 4, Bare: true}, fences},
	GroupStorm:    {chaos.Options{Nodes: 2, Bare: true}, storms},
	GroupOverlap:  {chaos.Options{}, overlapping},
	GroupTogether: {chaos.Options{Nodes: 4, Bare: true}, together},
	GroupReload:   {chaos.Options{Nodes: 2, Bare: true}, reloads},
	GroupCollect:  {chaos.Options{Nodes: 3, Bare: true, Variants: collectMost}, collects},
	GroupRevoked:  {chaos.Options{Nodes: 4, Bare: true}, revokes},
	GroupHalf:     {chaos.Options{Nodes: 4, Bare: true}, halves},
	GroupPair:     {chaos.Options{Nodes: 2, Bare: true}, pairs},
	GroupTrio:     {chaos.Options{Nodes: 3, Bare: true}, trios},
}

// Measure takes samples. What was taken before it fails, or is interrupted, is kept: the files are written
// after each sample.
func Measure(ctx context.Context, o Options) error {
	for _, group := range o.Groups {
		if !slices.Contains(Groups(), group) {
			return fmt.Errorf("measure %q: %w", group, ErrGroup)
		}
	}
	version := Commit(ctx, o.Programs.Root) // of the programs, which have been built
	for _, group := range o.Groups {
		if err := measure(ctx, o, group, version); err != nil {
			return fmt.Errorf("measure %s: %w", group, err)
		}
	}
	return nil
}

func measure(ctx context.Context, o Options, group, version string) (err error) {
	rec, err := newRecorder(o, group, version)
	if err != nil {
		return err
	}
	if h, ok := hurts[group]; ok {
		return hurt(ctx, o, rec, h.options, h.measure)
	}
	m := measurements[group]
	s, err := openStage(ctx, o, m.nodes)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil && ctx.Err() == nil {
			dump, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
			defer cancel()
			o.Logger.Error().Str("group", group).Str("logs", s.dump(dump)).Msg("measuring failed")
		}
		err = errors.Join(err, s.close())
	}()
	return m.measure(s, ctx, rec)
}

// hurt measures on a cluster that is hurt.
func hurt(ctx context.Context, o Options, rec *recorder, options chaos.Options, measure func(context.Context, *chaos.Stage, *recorder) error) (err error) {
	options.Programs, options.Logger = o.Programs, o.Logger
	s, err := chaos.Open(ctx, options)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil && ctx.Err() == nil {
			o.Logger.Error().Str("logs", dumpOf(ctx, s.Cluster)).Msg("measuring failed")
		}
		err = errors.Join(err, s.Close())
	}()
	return measure(ctx, s, rec)
}

// dumpOf leaves what the parts said in a file of its own and returns its name.
func dumpOf(ctx context.Context, c *cluster.Cluster) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	f, err := os.CreateTemp("", "nsched-figures-*.log")
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	c.Dump(ctx, f)
	return f.Name()
}

// recorder writes the samples of one run of a group.
type recorder struct {
	n       int
	dir     string
	log     zerolog.Logger
	samples map[string]*Samples
}

func newRecorder(o Options, group, version string) (*recorder, error) {
	r := &recorder{n: o.N, dir: o.Dir, log: o.Logger, samples: map[string]*Samples{}}
	begun := Run{
		Date: time.Now().UTC().Truncate(time.Second), Commit: version, Machine: Describe(),
		LoadBefore: cluster.LoadAverage(), Path: "lab",
	}
	for _, f := range All() {
		if f.Group != group {
			continue
		}
		s, err := Load(o.Dir, f)
		if err != nil {
			return nil, err
		}
		if !o.Add {
			s.Runs = nil
		}
		s.Runs = append(s.Runs, begun)
		r.samples[f.Name] = &s
	}
	return r, nil
}

// add keeps one value.
func (r *recorder) add(figure string, value float64) error {
	s := r.samples[figure]
	run := &s.Runs[len(s.Runs)-1]
	run.Values = append(run.Values, value)
	run.LoadAfter = cluster.LoadAverage()
	r.log.Info().Str("figure", figure).Int("n", len(run.Values)).Str("value", s.Unit.text(value)).Str("load", run.LoadAfter).Msg("sample taken")
	return s.Save(r.dir)
}

// took keeps a time.
func (r *recorder) took(figure string, d time.Duration) error {
	return r.add(figure, float64(d.Microseconds())/1000)
}

// under says in what circumstances a figure is taken.
func (r *recorder) under(figure, conditions string) {
	s := r.samples[figure]
	s.Runs[len(s.Runs)-1].Conditions = conditions
}
