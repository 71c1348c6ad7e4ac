package host_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

func TestAHostWithoutPowerKeepsItsFilesAndNothingElse(t *testing.T) {
	lab, hosts := openLab(t, "n1")
	h, ctx := hosts[0], testContext(t)
	boot := exec(t, h, "cat", "/proc/sys/kernel/random/boot_id")
	machine := exec(t, h, "cat", "/etc/machine-id")
	exec(t, h, "sh", "-c", "echo kept > /var/lib/kept; echo lost > /run/lost; sync; systemd-run --unit=before sleep 1000; journalctl --sync")
	p, err := h.Start(ctx, host.Command{Argv: []string{"sleep", "1000"}})
	if err != nil {
		t.Fatal(err)
	}

	if err := h.PowerOff(ctx); err != nil {
		t.Fatal(err)
	}
	if err := h.PowerOff(ctx); err != nil {
		t.Errorf("a second cut: %v", err)
	}
	if err := p.Wait(); err == nil {
		t.Error("a process survived the cut")
	}
	if _, err := h.Exec(ctx, "true"); !errors.Is(err, host.ErrPower) {
		t.Errorf("a command in a host that is off: %v", err)
	}
	silent, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	if _, err := lab.DialContext(silent, "tcp", "n1:22"); err == nil || strings.Contains(err.Error(), "refused") {
		t.Errorf("a host that is off answered: %v", err)
	}
	if err := h.WriteFile(ctx, "/etc/systemd/system/later.service",
		[]byte("[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\n"), 0o644); err != nil {
		t.Errorf("write to a host that is off: %v", err)
	}

	if err := h.PowerOn(ctx); err != nil {
		t.Fatal(err)
	}
	if err := h.PowerOn(ctx); !errors.Is(err, host.ErrPower) {
		t.Errorf("power on twice: %v", err)
	}
	if got := exec(t, h, "cat", "/var/lib/kept"); got != "kept" {
		t.Errorf("the file became %q", got)
	}
	if _, err := h.Exec(ctx, "ls", "/run/lost"); err == nil {
		t.Error("/run survived the cut")
	}
	if _, err := h.Exec(ctx, "systemctl", "is-active", "before"); err == nil {
		t.Error("a transient unit survived the cut")
	}
	if exec(t, h, "cat", "/proc/sys/kernel/random/boot_id") == boot {
		t.Error("the boot id is that of the boot before")
	}
	if got := exec(t, h, "cat", "/etc/machine-id"); got != machine {
		t.Errorf("the machine id changed from %s to %s", machine, got)
	}
	if got := exec(t, h, "journalctl", "-u", "before", "-o", "cat"); !strings.Contains(got, "Started") {
		t.Errorf("the journal of the boot before is lost: %q", got)
	}

	t.Run("a unit that was enabled starts with the boot", func(t *testing.T) {
		exec(t, h, "systemctl", "enable", "later")
		if err := h.Shutdown(ctx); err != nil {
			t.Fatal(err)
		}
		if power, err := h.Power(ctx); err != nil || power != host.PowerOff {
			t.Errorf("after the shutdown the host is %s, %v", power, err)
		}
		if err := h.Shutdown(ctx); !errors.Is(err, host.ErrPower) {
			t.Errorf("shut down a host that is off: %v", err)
		}
		if err := h.PowerOn(ctx); err != nil {
			t.Fatal(err)
		}
		if got := exec(t, h, "systemctl", "is-active", "later"); got != "active" {
			t.Errorf("the unit is %s", got)
		}
	})
	t.Run("a reboot from inside boots again", func(t *testing.T) {
		before := exec(t, h, "cat", "/proc/sys/kernel/random/boot_id")
		if _, err := h.Exec(ctx, "systemctl", "reboot"); err != nil {
			var exit *host.ExitError
			if !errors.As(err, &exit) { // the command may die with the host
				t.Fatal(err)
			}
			t.Logf("systemctl reboot: %v", err)
		}
		for ctx.Err() == nil {
			now, err := h.Exec(ctx, "cat", "/proc/sys/kernel/random/boot_id")
			if err == nil && now != before {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Error("the host did not come back")
	})
	t.Run("a boot that is given up leaves the host off", func(t *testing.T) {
		if err := h.PowerOff(ctx); err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		if err := h.PowerOn(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("gave up: %v", err)
		}
		if err := h.PowerOff(ctx); err != nil {
			t.Error(err)
		}
		if err := h.PowerOn(ctx); err != nil {
			t.Error(err)
		}
	})
}
