package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	root := flag.String("root", ".", "folder of the module")
	logs := flag.String("logs", "bin/log", "folder for the suites' output, relative to the root")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok, err := testAll(ctx, os.Stdout, *root, *logs, flag.Args())
	if err != nil {
		fmt.Fprintf(os.Stderr, "suite: %v\n", err)
	}
	if !ok || err != nil {
		stop()
		os.Exit(1)
	}
}

// lanes is how many suites run side by side.
const lanes = 2

// testAll runs the suites that the words name and says whether all is well.
func testAll(ctx context.Context, w io.Writer, root, logs string, words []string) (bool, error) {
	table, err := os.Open(filepath.Join(root, ".ci", "suites"))
	if err != nil {
		return false, err
	}
	defer table.Close()
	all, err := parseTable(table)
	if err != nil {
		return false, fmt.Errorf("read .ci/suites: %w", err)
	}
	suites, err := choose(all, words)
	if err != nil {
		return false, err
	}
	if !filepath.IsAbs(logs) {
		logs = filepath.Join(root, logs)
	}
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return false, err
	}

	began := time.Now()
	p := &printer{w: w}
	r := runner{root: root, logs: logs, procs: max(1, runtime.NumCPU()/lanes), grace: 20 * time.Second}
	var results []Result
	if len(words) == 0 {
		results = append(results, homesResult(root, all))
		p.done(results[0], "the table")
	}
	results = append(results, r.all(ctx, suites, p)...)
	printTable(w, results, time.Since(began))
	for _, res := range results {
		if len(res.Failures) > 0 {
			return false, nil
		}
	}
	return true, nil
}

// homesResult is the check of the table itself, counted as a suite of one test.
func homesResult(root string, all []Suite) Result {
	began := time.Now()
	res := Result{Suite: Suite{Name: "suites", Least: 1}}
	wrong, err := homes(root, all)
	if err != nil {
		wrong = append(wrong, err.Error())
	}
	if len(wrong) == 0 {
		res.Passed = 1
	} else {
		res.Failures = []Failure{{Name: "every package with tests is in one suite", Output: strings.Join(wrong, "\n")}}
	}
	res.Took = time.Since(began)
	return res
}

// all runs the suites, first those that bear company, and returns their results in the given order.
func (r runner) all(ctx context.Context, suites []Suite, p *printer) []Result {
	results := make([]Result, len(suites))
	one := func(i int) {
		var lines atomic.Int64
		over := p.begin(suites[i].Name, &lines)
		results[i] = r.run(ctx, suites[i], &lines)
		over()
		p.done(results[i], r.logFile(suites[i]))
	}
	slot := make(chan struct{}, lanes)
	var running sync.WaitGroup
	for i, s := range suites {
		if !s.Alone {
			slot <- struct{}{}
			running.Go(func() { one(i); <-slot })
		}
	}
	running.Wait()
	for i, s := range suites {
		if s.Alone {
			one(i)
		}
	}
	return results
}
