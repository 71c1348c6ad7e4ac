//go:build planted

package sim

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nsched/nsched/units/planted"
)

var update = flag.Bool("update", false, "write what was found into the README")

// plantedSeeds bounds how many seeds are asked whether they notice a mistake.
const plantedSeeds = 60

// leastBySimulation is how many of the mistakes the simulation itself has to notice.
const leastBySimulation = 18

// lawful are the mistakes that a test of one part notices, and the simulation does not: package and test.
var lawful = map[planted.Bug][2]string{
	planted.StopLastWrite:     {"node", "TestOfTwoWordsAboutAUnitTheFurthestCounts"},
	planted.CompactionIgnored: {"units/registry", "TestCompactionUnderAWatchLeadsToANewRead"},
	planted.CapacityUnchecked: {"scheduler", "TestWhatANodeOffersIsComparedWhenAPlacementIsWritten"},
	planted.EvictUnseen:       {"scheduler", "TestANodeThatComesBackMeanwhileIsNotEvicted"},
	planted.OldStatusBelieved: {"scheduler/placement", "TestReconcile"},
}

// caught is who noticed a mistake, and what it took.
type caught struct {
	by   string
	seed uint64
	took time.Duration
}

// TestEveryPlantedMistakeIsNoticed turns on one mistake after the other. Seeds are asked in order until one
// breaks a promise; the same seed keeps all of them without the mistake.
func TestEveryPlantedMistakeIsNoticed(t *testing.T) {
	found := map[planted.Bug]caught{}
	bySimulation := 0
	for _, bug := range planted.Bugs() {
		t.Run(string(bug), func(t *testing.T) {
			if law, ok := lawful[bug]; ok {
				found[bug] = byLaw(t, bug, law)
				return
			}
			for from := uint64(1); ; {
				planted.Plant(bug)
				c, err := search(t.Context(), from)
				planted.Plant()
				if err == nil {
					t.Fatalf("%d seeds noticed nothing", plantedSeeds)
				}
				t.Logf("%v: %v", c.took.Round(10*time.Millisecond), err)
				if _, err := Standard(t.Context(), c.seed, NewTrace(nil)); err != nil {
					t.Errorf("seed %d breaks a promise without the mistake too: %v", c.seed, err)
					from = c.seed + 1
					continue
				}
				found[bug] = c
				bySimulation++
				return
			}
		})
	}
	if bySimulation < leastBySimulation && !t.Failed() {
		t.Errorf("the simulation notices %d mistakes, %d are due", bySimulation, leastBySimulation)
	}
	table(t, found)
}

// search returns the first seed, of those from one on, that breaks a promise.
func search(ctx context.Context, from uint64) (caught, error) {
	began := time.Now()
	broke := map[uint64]error{}
	var mu sync.Mutex
	next, first := from, uint64(plantedSeeds+1)
	var group sync.WaitGroup
	for range runtime.NumCPU() {
		group.Go(func() {
			for {
				mu.Lock()
				seed := next
				next++
				done := seed >= first
				mu.Unlock()
				if done {
					return
				}
				_, err := Standard(ctx, seed, NewTrace(nil))
				mu.Lock()
				if err != nil {
					broke[seed], first = err, min(first, seed)
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	c := caught{by: "something", seed: first, took: time.Since(began)}
	var b *Broken
	if errors.As(broke[first], &b) {
		c.by = string(b.Promise)
	}
	return c, broke[first]
}

// byLaw runs one test of another package with the mistake, and expects it to fail.
func byLaw(t *testing.T, bug planted.Bug, law [2]string) caught {
	t.Helper()
	began := time.Now()
	cmd := exec.CommandContext(t.Context(), "go", "test", "-tags", "planted", "-count=1", "-run", "^"+law[1]+"$", "./"+law[0])
	cmd.Dir = checkout
	run := func(bug planted.Bug) (string, error) {
		cmd := *cmd
		cmd.Env = append(os.Environ(), planted.Environment+"="+string(bug))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := run(bug)
	took := time.Since(began)
	if err == nil || !strings.Contains(out, "--- FAIL: "+law[1]) {
		t.Errorf("%s.%s does not notice it: %v\n%s", law[0], law[1], err, out)
	}
	return caught{by: "`" + law[0] + "." + law[1] + "`", took: took}
}

const checkout = "../../.."

// table compares what was found with the table in the README, or writes it there. How long it took, and
// which promise of several is broken first, depends on the machine and on every change.
func table(t *testing.T, found map[planted.Bug]caught) {
	t.Helper()
	var b strings.Builder
	b.WriteString("| mistake | noticed by | seconds, seeds |\n|---|---|---|\n")
	for _, bug := range planted.Bugs() {
		c, ok := found[bug]
		if !ok {
			return // it has failed already
		}
		seeds := ""
		if c.seed != 0 {
			seeds = fmt.Sprintf(", %d", c.seed)
		}
		fmt.Fprintf(&b, "| %s | %s | %.1f%s |\n", bug, c.by, c.took.Seconds(), seeds)
	}
	t.Log("\n" + b.String())
	file := filepath.Join(checkout, "README.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- planted:begin -->\n", "<!-- planted:end -->"
	before, rest, opened := strings.Cut(string(text), begin)
	there, after, closed := strings.Cut(rest, end)
	switch {
	case !opened || !closed:
		t.Errorf("the README has no %s … %s", strings.TrimSpace(begin), end)
	case *update:
		if err := os.WriteFile(file, []byte(before+begin+b.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		for _, bug := range planted.Bugs() {
			row := fmt.Sprintf("| %s | ", bug)
			_, said, ok := strings.Cut(there, row)
			if law := strings.HasPrefix(said, "`"); !ok || law != (lawful[bug] != [2]string{}) {
				t.Errorf("the README does not say how %s is noticed; write it with: go test -tags planted ./cmd/nsched-sim/sim -run EveryPlanted -update", bug)
			}
		}
	}
}
