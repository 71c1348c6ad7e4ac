package host_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

var killSeed = flag.Uint64("kill-seed", 0, "seed of the moments at which labs are killed; 0 picks one")

const (
	driveVariable = "NSCHED_LAB_TEST_DRIVE"
	killRounds    = 20
	killWithin    = 1800 * time.Millisecond // from the start of the driver; boots are over after about one second
)

// drive, in the process that the kill test starts, uses a lab in every way until it is killed or the
// lab is.
func drive() {
	id := os.Getenv(driveVariable)
	if id == "" {
		return
	}
	err := driveLab(context.Background(), id)
	_, _ = fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func driveLab(ctx context.Context, id string) error {
	lab, err := host.Open(ctx, host.Options{ID: id})
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	if _, err := lab.Start(ctx, host.Command{Argv: []string{"sleep", "1000"}, Log: "sleep.log"}); err != nil {
		return err
	}
	for _, name := range []string{"n1", "n2"} {
		g.Go(func() error {
			h, err := lab.Boot(ctx, name)
			if err != nil {
				return err
			}
			if _, err := h.Start(ctx, host.Command{Argv: []string{"sleep", "1000"}}); err != nil {
				return err
			}
			for {
				if _, err := h.Exec(ctx, "systemd-run", "sleep", "1000"); err != nil {
					return err
				}
				if err := lab.Net().Delay(ctx, name, host.Shape{Delay: time.Millisecond}); err != nil {
					return err
				}
				if err := lab.Net().DropFrom(ctx, name, "lab"); err != nil {
					return err
				}
				if err := h.PowerOff(ctx); err != nil {
					return err
				}
				if err := h.PowerOn(ctx); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}

func TestALabThatIsKilledAtAnyMomentLeavesNothing(t *testing.T) {
	seed := *killSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("replay with: go test ./cmd/nsched-lab/host -run %s -kill-seed %d", t.Name(), seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for round := range killRounds {
		after := time.Duration(random.Int64N(int64(killWithin)))
		killHolder := random.IntN(2) == 0
		id := fmt.Sprintf("kill%x%d", seed&0xfffff, round)
		name := fmt.Sprintf("the owner is killed after %s", after.Round(time.Millisecond))
		if killHolder {
			name = fmt.Sprintf("the holder is killed after %s", after.Round(time.Millisecond))
		}
		t.Run(name, func(t *testing.T) { killLab(t, id, after, killHolder) })
	}
}

func killLab(t *testing.T, id string, after time.Duration, holder bool) {
	var out bytes.Buffer
	driver := osexec.Command("/proc/self/exe")
	driver.Env = append(os.Environ(), driveVariable+"="+id)
	driver.Stdout, driver.Stderr = &out, &out
	if err := driver.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- driver.Wait() }()
	select {
	case <-time.After(after):
	case <-ended:
		t.Fatalf("the owner ended by itself: %s", out.String())
	}
	victim := driver.Process.Pid
	if pid := holderOf(t, id); holder && pid != 0 {
		victim = pid
	}
	if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
		t.Errorf("kill %d: %v", victim, err)
	}
	select {
	case <-ended: // the owner of a dead holder ends by itself
	case <-time.After(patience):
		t.Error("the owner goes on without its holder")
		_ = driver.Process.Kill()
		<-ended
	}
	awaitNothing(t, id)
	if err := host.Sweep(); err != nil {
		t.Error(err)
	}
	nothingLeft(t, id)
}

// holderOf finds the holder of a lab among all processes; 0 when there is none yet.
func holderOf(t *testing.T, id string) int {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		data, _ := os.ReadFile(p) // the process may be gone
		if strings.HasPrefix(string(data), "nsched-lab-holder\x00"+id+"\x00") {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(p)))
			return pid
		}
	}
	return 0
}
