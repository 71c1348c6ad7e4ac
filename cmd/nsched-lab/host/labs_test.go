package host_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

func TestTwoLabsWithTheSamePlanDoNotMeet(t *testing.T) {
	one, first := openLab(t, "n1")
	two, second := openLab(t, "n1")
	exec(t, first[0], "sh", "-c", "echo one > /srv/name; systemd-run --unit=web -p Type=forking busybox httpd -p 80 -h /srv")
	exec(t, second[0], "sh", "-c", "echo two > /srv/name; systemd-run --unit=web -p Type=forking busybox httpd -p 80 -h /srv")
	if first[0].Address() != second[0].Address() {
		t.Errorf("the plans differ: %s and %s", first[0].Address(), second[0].Address())
	}
	for want, lab := range map[string]*host.Lab{"one\n": one, "two\n": two} {
		client := lab.HTTPClient()
		if got := fetch(t, client, "http://n1/name"); got != want {
			t.Errorf("lab %q answered %q", want, got)
		}
		client.CloseIdleConnections()
	}
	// What all tests look for after a lab's end is really found before it.
	if found := leftovers(t, one.ID(), true); len(found) < 20 {
		t.Errorf("a lab that lives shows only as:\n%s", strings.Join(found, "\n"))
	}
	ids, err := host.IDs()
	if err != nil || !slices.Contains(ids, one.ID()) || !slices.Contains(ids, two.ID()) {
		t.Errorf("labs %v, %v", ids, err)
	}
	if _, err := host.Open(testContext(t), host.Options{ID: one.ID()}); !errors.Is(err, host.ErrExists) {
		t.Errorf("opened a lab twice: %v", err)
	}
	must(t, host.Sweep()) // touches no lab that lives
	must(t, one.Close())
	if got := exec(t, second[0], "hostname"); got != "n1" {
		t.Errorf("the other lab says %q", got)
	}
	if _, err := host.Attach(testContext(t), one.ID()); !errors.Is(err, host.ErrNoLab) {
		t.Errorf("attached to a lab that was closed: %v", err)
	}
}

func TestADetachedLabStaysUntilItIsTakenDown(t *testing.T) {
	ctx := testContext(t)
	lab, err := host.Open(ctx, host.Options{Detach: true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = lab.Start(ctx, host.Command{Argv: []string{"sh", "-c", "echo started; exec sleep 1000"}, Log: "sleeper.log", Detach: true})
	must(t, err)
	must(t, lab.Close())

	again, err := host.Attach(ctx, lab.ID())
	if err != nil {
		t.Fatal(err)
	}
	if got := exec(t, again, "pgrep", "-x", "sleep"); got == "" {
		t.Error("the detached process is gone")
	}
	if again.HolderPID() != lab.HolderPID() {
		t.Errorf("two holders: %d and %d", lab.HolderPID(), again.HolderPID())
	}
	must(t, again.Down())
	must(t, again.Down())
	nothingLeft(t, lab.ID())
}

func TestCommandsInHostAndHolder(t *testing.T) {
	lab, hosts := openLab(t, "n1")
	ctx := testContext(t)
	for name, where := range map[string]interface {
		runner
		Run(context.Context, host.Command) error
		Start(context.Context, host.Command) (*host.Process, error)
	}{"host": hosts[0], "holder": lab} {
		t.Run("streams, environment and directory reach a command in the "+name, func(t *testing.T) {
			var out, errs bytes.Buffer
			err := where.Run(ctx, host.Command{
				Argv: []string{"sh", "-c", `cat; echo "$WORD in $PWD" >&2`}, Env: []string{"WORD=sesame"}, Dir: "/usr",
				Stdin: strings.NewReader("in and out"), Stdout: &out, Stderr: &errs,
			})
			if err != nil || out.String() != "in and out" || errs.String() != "sesame in /usr\n" {
				t.Errorf("%v, %q, %q", err, out.String(), errs.String())
			}
		})
		t.Run("an exit code and what was said come back from the "+name, func(t *testing.T) {
			got, err := where.Exec(ctx, "sh", "-c", "echo out; echo why >&2; exit 7")
			var exit *host.ExitError
			if !errors.As(err, &exit) || exit.Code != 7 || exit.Stderr != "why" || got != "out" {
				t.Errorf("%q, %v", got, err)
			}
		})
		t.Run("a signal reaches the process alone in the "+name, func(t *testing.T) {
			p, err := where.Start(ctx, host.Command{Argv: []string{"sleep", "1000"}})
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			var exit *host.ExitError
			if err := p.Wait(); !errors.As(err, &exit) || exit.Signal != int(syscall.SIGTERM) || exit.Code != 143 {
				t.Errorf("it ended with %v", err)
			}
			if err := p.Signal(syscall.SIGTERM); err == nil {
				t.Error("a signal reached a process that ended")
			}
		})
		t.Run("a killed process takes its children along in the "+name, func(t *testing.T) {
			p, err := where.Start(ctx, host.Command{Argv: []string{"sh", "-c", "sleep 4711; true"}})
			if err != nil {
				t.Fatal(err)
			}
			for exec(t, where, "sh", "-c", "pgrep -f 'slee[p] 4711' || true") == "" {
				if ctx.Err() != nil {
					t.Fatal("the process never came")
				}
			}
			p.Kill()
			for exec(t, where, "sh", "-c", "pgrep -f 'slee[p] 4711' || true") != "" {
				if ctx.Err() != nil {
					t.Fatal("the child lives on")
				}
			}
		})
	}
	t.Run("a program that is not there is an error", func(t *testing.T) {
		if _, err := lab.Exec(ctx, "no-such-program"); err == nil {
			t.Error("it ran in the holder")
		}
		if _, err := hosts[0].Exec(ctx, "no-such-program"); err == nil {
			t.Error("it ran in the host")
		}
	})
	t.Run("names that make no sense are refused", func(t *testing.T) {
		for _, name := range []string{"", "lab", "N1", "a.b", "../x", strings.Repeat("a", 64)} {
			if _, err := lab.Create(ctx, name); !errors.Is(err, host.ErrRequest) {
				t.Errorf("%q: %v", name, err)
			}
		}
		if _, err := lab.Create(ctx, "n1"); !errors.Is(err, host.ErrExists) {
			t.Errorf("n1 twice: %v", err)
		}
		if _, err := lab.Host(ctx, "n9"); !errors.Is(err, host.ErrNoHost) {
			t.Errorf("n9: %v", err)
		}
		if err := lab.Net().DropFrom(ctx, "n1", "n9"); !errors.Is(err, host.ErrNoHost) {
			t.Errorf("drop to n9: %v", err)
		}
	})
}
