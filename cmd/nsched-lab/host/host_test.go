package host_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

func TestHostsAreWholeSystemdMachines(t *testing.T) {
	lab, hosts := openLab(t, "n1", "n2", "n3")
	n1, n2 := hosts[0], hosts[1]

	t.Run("systemd is running and no unit failed", func(t *testing.T) {
		for _, h := range hosts {
			if got := exec(t, h, "systemctl", "is-system-running"); got != "running" {
				t.Errorf("%s is %s:\n%s", h.Name(), got, exec(t, h, "systemctl", "--failed"))
			}
		}
	})
	t.Run("each has its own identity and an empty nix store", func(t *testing.T) {
		seen := map[string]string{}
		for _, h := range hosts {
			for _, file := range []string{"/etc/machine-id", "/proc/sys/kernel/random/boot_id"} {
				value := exec(t, h, "cat", file)
				if other, ok := seen[value]; ok {
					t.Errorf("%s has %s of %s", h.Name(), file, other)
				}
				seen[value] = h.Name()
			}
			if got := exec(t, h, "hostname"); got != h.Name() {
				t.Errorf("%s calls itself %s", h.Name(), got)
			}
			if got := exec(t, h, "ls", "-A", "/nix", "/root", "/tmp"); strings.Contains(got, "store") {
				t.Errorf("%s sees the machine's files:\n%s", h.Name(), got)
			}
		}
	})
	t.Run("equally named units on two hosts share no cgroup", func(t *testing.T) {
		groups := map[string]string{}
		for _, h := range []*host.Host{n1, n2} {
			exec(t, h, "systemd-run", "--unit=same", "sleep", "1000")
			pid := strings.TrimPrefix(exec(t, h, "systemctl", "show", "-p", "MainPID", "same"), "MainPID=")
			// The holder sees full paths; the host sees only what is below its own root.
			for _, line := range strings.Split(holderView(t, lab, h, pid), "\n") {
				_, path, _ := strings.Cut(strings.TrimLeft(line, "0123456789"), ":")
				if !strings.HasSuffix(path, "same.service") {
					continue
				}
				if other, ok := groups[line]; ok {
					t.Errorf("same.service of %s and %s are both in %s", other, h.Name(), line)
				}
				groups[line] = h.Name()
			}
		}
		if len(groups) < 4 {
			t.Errorf("only %d cgroups of same.service found: %v", len(groups), groups)
		}
		exec(t, n1, "systemctl", "stop", "same")
		if got := exec(t, n2, "systemctl", "is-active", "same"); got != "active" {
			t.Errorf("stopping the unit on n1 made it %s on n2", got)
		}
	})
	t.Run("a CPU quota of 10 % gives a tenth of a CPU", func(t *testing.T) {
		// The service counts its own CPU time against the clock, both read from the kernel. It is a file
		// because systemd replaces $ and % in arguments.
		const script = `read u0 _ < /proc/uptime
while read u _ < /proc/uptime; [ "${u%.*}" -lt "$((${u0%.*}+4))" ]; do :; done
{ cat /proc/$$/stat; echo "$u0 $u"; } > /var/lib/quota
`
		must(t, n1.WriteFile(testContext(t), "/srv/burn", []byte(script), 0o644))
		exec(t, n1, "systemd-run", "--wait", "-p", "CPUQuota=10%", "/bin/sh", "/srv/burn")
		lines := strings.Split(exec(t, n1, "cat", "/var/lib/quota"), "\n")
		stat, span := strings.Fields(lines[0]), strings.Fields(lines[1])
		ticks := number(t, stat[13]) + number(t, stat[14]) // 100 a second
		wall := number(t, span[1]) - number(t, span[0])
		if share := ticks / 100 / wall; share < 0.03 || share > 0.2 {
			t.Errorf("the service got %.0f %% of a CPU over %.1f s", 100*share, wall)
		}
	})
	t.Run("a service over its memory limit is killed", func(t *testing.T) {
		_, err := n2.Exec(testContext(t), "systemd-run", "--wait", "--unit=glutton", "-p", "MemoryMax=32M",
			"-p", "MemorySwapMax=0", "dd", "if=/dev/zero", "of=/dev/null", "bs=200M", "count=1")
		var exit *host.ExitError
		if !errors.As(err, &exit) {
			t.Fatalf("200 MiB fitted into 32 MiB: %v", err)
		}
		if got := exec(t, n2, "journalctl", "-u", "glutton", "-o", "cat"); !strings.Contains(got, "oom") && !strings.Contains(got, "KILL") {
			t.Errorf("the journal tells of no kill:\n%s", got)
		}
	})
	t.Run("DynamicUser and LoadCredential work", func(t *testing.T) {
		if err := n1.WriteFile(testContext(t), "/etc/secret", []byte("sesame"), 0o600); err != nil {
			t.Fatal(err)
		}
		got := exec(t, n1, "systemd-run", "--wait", "--pipe", "-p", "DynamicUser=yes", "-p", "LoadCredential=word:/etc/secret",
			"/bin/sh", "-c", `cat "$$CREDENTIALS_DIRECTORY/word"; id -u`)
		uid, ok := strings.CutPrefix(got, "sesame")
		if !ok || number(t, uid) < 61184 {
			t.Errorf("the service saw %q", got)
		}
	})
	t.Run("nobody can set the clock", func(t *testing.T) {
		for name, where := range map[string]runner{"host": n1, "holder": lab} {
			status := exec(t, where, "grep", "CapBnd", "/proc/self/status")
			set, err := strconv.ParseUint(strings.TrimSpace(strings.TrimPrefix(status, "CapBnd:")), 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			const sysTime = 25
			if set&(1<<sysTime) != 0 {
				t.Errorf("commands in the %s may set the clock: %s", name, status)
			}
		}
	})
	t.Run("files go in and out, and links in the host stay in the host", func(t *testing.T) {
		source := filepath.Join(t.TempDir(), "tool")
		if err := os.WriteFile(source, []byte("#!/bin/sh\necho tool\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := n1.CopyIn(testContext(t), source, "/opt/new/bin/tool"); err != nil {
			t.Fatal(err)
		}
		if got := exec(t, n1, "/opt/new/bin/tool"); got != "tool" {
			t.Errorf("the copied program said %q", got)
		}
		outside := t.TempDir()
		exec(t, n1, "mkdir", "-p", outside) // the host has a directory of that name too
		exec(t, n1, "ln", "-s", outside, "/opt/link")
		if err := n1.WriteFile(testContext(t), "/opt/link/file", []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		if entries, _ := os.ReadDir(outside); len(entries) > 0 {
			t.Errorf("a link in the host led to the machine: %v", entries)
		}
		got, err := n1.ReadFile(testContext(t), "/opt/link/file")
		if err != nil || string(got) != "x" {
			t.Errorf("read back %q, %v", got, err)
		}
	})
}

// holderView reads a host process's cgroups as the machine sees them.
func holderView(t *testing.T, lab *host.Lab, h *host.Host, pid string) string {
	t.Helper()
	// The number is the host's; the last of NSpid is what the process is called there.
	const script = `for p in /proc/[0-9]*; do [ "$(sed -n 's/^NSpid:.*\t//p' $p/status)" = "$1" ] && ` +
		`grep -q "nsched-lab-.*-$2/" $p/cgroup && cat $p/cgroup; done; true`
	return exec(t, lab, "sh", "-c", script, "sh", pid, h.Name())
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
