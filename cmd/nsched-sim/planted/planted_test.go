package planted

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/units/planted"
)

var update = flag.Bool("update", false, "write what was found into the README")

const (
	checkout = "../../.."
	// mostSeeds bounds how many seeds are asked whether they notice a mistake, and leastBySimulation is how
	// many of the mistakes the simulation has to notice.
	mostSeeds         = 60
	leastBySimulation = 18
)

// lawful are the mistakes that are left to a test of the part: package and test. All others are the
// simulation's to notice.
var lawful = map[planted.Bug][2]string{
	planted.OldTenureUsed:     {"node", "TestABoundUnitWhoseTenureIsOverNeverStarts"},
	planted.StopLastWrite:     {"node", "TestOfTwoWordsAboutAUnitTheFurthestCounts"},
	planted.EvictUnseen:       {"scheduler", "TestANodeThatComesBackMeanwhileIsNotEvicted"},
	planted.OldStatusBelieved: {"scheduler/placement", "TestReconcile"},
}

// from is the seed with which to begin, where an earlier one is known not to notice: it saves time and
// promises nothing.
var from = map[planted.Bug]int{}

// noticed is who noticed a mistake, and what it took.
type noticed struct{ by, took string }

// TestEveryPlantedMistakeIsNoticed turns on one mistake after the other. Seeds are asked in order until one
// breaks a promise, and the same seed keeps all of them without the mistake.
func TestEveryPlantedMistakeIsNoticed(t *testing.T) {
	program := filepath.Join(t.TempDir(), "nsched-sim")
	run(t, "", "go", "build", "-tags", "planted", "-o", program, "./cmd/nsched-sim")
	found := map[planted.Bug]noticed{}
	bySimulation := 0
	for _, bug := range planted.Bugs() {
		t.Run(string(bug), func(t *testing.T) {
			if law, ok := lawful[bug]; ok {
				found[bug] = byLaw(t, bug, law)
				return
			}
			var f struct {
				Seed                   uint64
				Promise, Broken, Sober string
				Seconds                float64
			}
			out, err := run(t, "", program, "-planted", string(bug), "-seed", fmt.Sprint(max(1, from[bug])), "-seeds", fmt.Sprint(mostSeeds))
			if err == nil {
				err = json.Unmarshal([]byte(out), &f)
			}
			switch {
			case err != nil:
				t.Fatalf("%v\n%s", err, out)
			case f.Seed == 0:
				t.Fatalf("%d seeds noticed nothing", mostSeeds)
			case f.Sober != "":
				t.Fatalf("the seed breaks a promise without the mistake too: %s", f.Sober)
			}
			t.Logf("%.1f s: %s", f.Seconds, f.Broken)
			bySimulation++
			found[bug] = noticed{by: "the simulation: " + f.Promise, took: fmt.Sprintf("%.1f, seed %d", f.Seconds, f.Seed)}
		})
	}
	if t.Failed() || len(found) != len(planted.Bugs()) {
		return
	}
	if bySimulation < leastBySimulation {
		t.Errorf("the simulation notices %d mistakes, %d are due", bySimulation, leastBySimulation)
	}
	tell(t, found)
}

// run runs a command in the checkout, with a mistake.
func run(t *testing.T, bug planted.Bug, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = checkout
	cmd.Env = append(os.Environ(), "NSCHED_PLANTED="+string(bug))
	out, err := cmd.CombinedOutput()
	if err != nil && bug == "" {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out), err
}

// byLaw runs a test of another package with the mistake: it fails then, and not for want of building.
func byLaw(t *testing.T, bug planted.Bug, law [2]string) noticed {
	t.Helper()
	began := time.Now()
	out, err := run(t, bug, "go", "test", "-tags", "planted", "-count=1", "-run", "^"+law[1]+"$", "./"+law[0])
	if err == nil || !strings.Contains(out, "--- FAIL: "+law[1]) {
		t.Fatalf("%s.%s does not notice it: %v\n%s", law[0], law[1], err, out)
	}
	return noticed{by: "`" + law[0] + "." + law[1] + "`", took: fmt.Sprintf("%.1f", time.Since(began).Seconds())}
}

// tell compares what was found with the table in the README, or writes it there. Which promise is broken
// first, and how soon, changes with every change of the code; who notices a mistake does not.
func tell(t *testing.T, found map[planted.Bug]noticed) {
	t.Helper()
	var b strings.Builder
	b.WriteString("| mistake | noticed by | seconds |\n|---|---|---|\n")
	for _, bug := range planted.Bugs() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", bug, found[bug].by, found[bug].took)
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
	if !opened || !closed {
		t.Fatalf("the README has no %s … %s", strings.TrimSpace(begin), end)
	}
	if *update {
		if err := os.WriteFile(file, []byte(before+begin+b.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, bug := range planted.Bugs() {
		who, _, _ := strings.Cut(found[bug].by, ":")
		if !strings.Contains(there, fmt.Sprintf("| `%s` | %s", bug, who)) {
			t.Errorf("the README does not say that %s notices %s; write it with: go test ./cmd/nsched-sim/planted -update", who, bug)
		}
	}
}

// The mistakes are in no program but those built for them.
func TestNoProgramHasAPlantedMistake(t *testing.T) {
	program := filepath.Join(t.TempDir(), "nsched-sim")
	for _, c := range []struct {
		tags string
		want bool
	}{{"", false}, {"planted", true}} {
		run(t, "", "go", "build", "-tags", c.tags, "-o", program, "./cmd/nsched-sim")
		raw, err := os.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}
		for _, bug := range planted.Bugs() {
			if has := strings.Contains(string(raw), string(bug)); has != c.want {
				t.Errorf("tags %q: the program holds the name of %s: %v", c.tags, bug, has)
			}
		}
		for _, name := range []string{".pinLate", ".amnesia"} { // what only a mistake would call
			if has := strings.Contains(string(raw), name); has != c.want {
				t.Errorf("tags %q: the program holds %s: %v", c.tags, name, has)
			}
		}
	}
}
