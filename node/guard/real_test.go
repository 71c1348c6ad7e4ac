package guard

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

func TestMain(m *testing.M) {
	host.Init()
	os.Exit(m.Run())
}

// realApp does not stop when asked, and writes down when it last lived.
const realApp = `trap '' TERM
while :; do read up _ < /proc/uptime; echo "$up" > /run/alive.new; mv /run/alive.new /run/alive; sleep 0.02; done
`

// reality is a host with a real guard, reaper and systemd, and a real etcd beside it.
type reality struct {
	*host.Host
	t    *testing.T
	ctx  context.Context
	unit units.UnitID
	etcd string // how this process reaches it
}

// TestOnARealSystemd asks what only systemd and a kernel can answer: that the end of a guard ends what is bound to
// it, and that the reaper needs none of them.
func TestOnARealSystemd(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	r := realHost(ctx, t)
	for _, c := range []struct {
		name string
		test func(*testing.T, *reality)
	}{
		{"a guard that is killed takes what is bound with it, and does not wait for it", killedGuard},
		{"a guard that hangs is killed, and comes back in its tenure", hungGuard},
		{"the reaper alone ends what is bound in time", reaperAlone},
		{"the reaper goes on after it was killed, and touches nothing", killedReaper},
		{"an upgrade in place touches nothing", upgradedGuard},
		{"a second guard is refused", secondGuard},
		{"a full /run changes nothing", fullRun},
		{"a restart keeps the tenure and a shutdown gives it back, after the last unit", shutDown},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := *r
			r.t = t
			c.test(t, &r)
		})
		if t.Failed() {
			t.Log(r.run("journalctl", "-u", "nsched-guard", "-u", "nsched-reaper", "-o", "short-precise", "--no-pager", "-n", "60"))
			return
		}
	}
}

func realHost(ctx context.Context, t *testing.T) *reality {
	dir := t.TempDir()
	for _, name := range []string{"nsched", "nsched-exec"} {
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", filepath.Join(dir, name), "github.com/nsched/nsched/cmd/"+name)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", name, err, out)
		}
	}
	lab, err := host.Open(ctx, host.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	url := fmt.Sprintf("http://%s:2379", lab.Address())
	socket := "unix://" + filepath.Join(dir, "etcd.sock")
	config := filepath.Join(dir, "scheduler.json")
	text, err := json.Marshal(map[string]any{
		"etcd":  map[string]any{"endpoints": []string{url, socket}, "allowInsecure": true, "embeddedDir": filepath.Join(dir, "etcd")},
		"paths": map[string]any{"state": filepath.Join(dir, "state"), "runtime": filepath.Join(dir, "run")},
	})
	if err == nil {
		err = os.WriteFile(config, text, 0o600)
	}
	if err == nil {
		_, err = lab.Start(ctx, host.Command{Argv: []string{filepath.Join(dir, "nsched"), "scheduler", "--config", config}})
	}
	if err != nil {
		t.Fatal(err)
	}
	h, err := lab.Boot(ctx, "n1")
	if err != nil {
		t.Fatal(err)
	}
	id, err := units.ParseUnitID("prod.app.0.1.1")
	if err != nil {
		t.Fatal(err)
	}
	r := &reality{Host: h, t: t, ctx: ctx, unit: id, etcd: socket}
	for _, name := range []string{"nsched", "nsched-exec"} {
		if err := h.CopyIn(ctx, filepath.Join(dir, name), "/usr/local/bin/"+name); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"nsched-guard.service", "nsched-reaper.service", "nsched-units.target"} {
		text, err := os.ReadFile(filepath.Join("../install", name))
		if err != nil {
			t.Fatal(err)
		}
		r.write("/etc/systemd/system/"+name, strings.ReplaceAll(string(text), "@bindir@", "/usr/local/bin"))
	}
	r.write("/etc/nsched/node.json", fmt.Sprintf(`{"node":{"name":"n1"},"etcd":{"endpoints":[%q],"allowInsecure":true}}`, url))
	r.write("/srv/app", realApp)
	r.run("systemctl", "daemon-reload")
	r.run("systemctl", "start", "nsched-guard.service")
	r.until("the guard is fresh", func() bool { return r.word().FreshUntil > 0 })
	return r
}

// run runs a command on the host.
func (r *reality) run(argv ...string) string {
	r.t.Helper()
	out, err := r.Exec(r.ctx, argv...)
	if err != nil {
		r.t.Fatalf("%v: %v", argv, err)
	}
	return out
}

func (r *reality) write(name, text string) {
	r.t.Helper()
	if err := r.WriteFile(r.ctx, name, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r *reality) show(unit, property string) string {
	r.t.Helper()
	return r.run("systemctl", "show", "--value", "--property="+property, unit)
}

// word is the guard's word, zero where there is none yet.
func (r *reality) word() Word {
	raw, err := r.ReadFile(r.ctx, "/run/nsched/guard.word")
	if err != nil {
		return Word{}
	}
	w, _, _ := latestWord(raw)
	return w
}

// until waits for as long as the test may take.
func (r *reality) until(what string, so func() bool) {
	r.t.Helper()
	for !so() {
		select {
		case <-r.ctx.Done():
			r.t.Fatalf("%s: never", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// start notes and starts what the daemon would.
func (r *reality) start(stop time.Duration) {
	r.t.Helper()
	note, err := json.Marshal(units.Bound{Unit: r.unit, Tenure: r.word().Tenure, StopTimeout: stop})
	if err != nil {
		r.t.Fatal(err)
	}
	r.write("/run/nsched/bound/"+r.unit.String()+".json", string(note))
	r.run("systemd-run", "--quiet", "--unit="+r.unit.ServiceName(), "--slice="+units.SliceName(r.unit.Namespace), "--collect",
		"-p", "BindsTo=nsched-guard.service", "-p", "After=nsched-units.target", "-p", fmt.Sprintf("TimeoutStopSec=%d", int(stop.Seconds())),
		"/bin/bash", "/srv/app")
	r.until("the app lives", func() bool { return r.lives() })
}

func (r *reality) lives() bool {
	r.t.Helper()
	out, _ := r.Exec(r.ctx, "pgrep", "-f", "/srv/app")
	return out != ""
}

// lived is the boot time at which the app was last alive; it is dead.
func (r *reality) lived() time.Duration {
	r.t.Helper()
	seconds, err := strconv.ParseFloat(r.run("cat", "/run/alive"), 64)
	if err != nil {
		r.t.Fatal(err)
	}
	return time.Duration(seconds * float64(time.Second))
}

// signal sends a signal to the guard's process.
func (r *reality) signal(unit, name string) {
	r.run("systemctl", "kill", "--kill-whom=main", "--signal="+name, unit)
}

func killedGuard(t *testing.T, r *reality) {
	r.start(20 * time.Second)
	tenure, pid := r.word().Tenure, r.show("nsched-guard", "MainPID")
	r.signal("nsched-guard", "KILL")
	r.until("systemd stops the app", func() bool { return r.show(r.unit.ServiceName(), "SubState") == "stop-sigterm" })
	// With After= on the guard it came back only when the app had stopped, 20 s later, and the lease had ended.
	r.until("the guard is back", func() bool {
		return r.show("nsched-guard", "ActiveState") == "active" && r.show("nsched-guard", "MainPID") != pid
	})
	if !r.lives() {
		t.Error("the app stopped before its time was over")
	}
	r.run("systemctl", "kill", "--signal=KILL", r.unit.ServiceName())
	r.until("the app is dead", func() bool { return !r.lives() })
	if got := r.word().Tenure; got != tenure {
		t.Errorf("tenure %d became %d", tenure, got)
	}
}

func hungGuard(t *testing.T, r *reality) {
	r.start(time.Second)
	tenure, pid := r.word().Tenure, r.show("nsched-guard", "MainPID")
	r.signal("nsched-guard", "STOP")
	r.until("systemd kills it", func() bool { now := r.show("nsched-guard", "MainPID"); return now != pid && now != "0" })
	r.until("the app is dead", func() bool { return !r.lives() })
	if got := r.word().Tenure; got != tenure {
		t.Errorf("tenure %d became %d", tenure, got)
	}
}

func reaperAlone(t *testing.T, r *reality) {
	// PID 1 does not look, and does nothing when the guard ends.
	r.write("/run/systemd/system/nsched-guard.service.d/test.conf", "[Service]\nWatchdogSec=0\n")
	r.run("systemctl", "daemon-reload")
	r.run("systemctl", "restart", "nsched-guard.service")
	r.until("the guard is fresh", func() bool { return r.word().FreshUntil > r.uptime() })
	r.start(2 * time.Second)
	r.signal("nsched-guard", "STOP")
	fence := r.word().FreshUntil
	r.until("the app is dead", func() bool { return !r.lives() })
	late := r.lived() - fence - 2*time.Second
	t.Logf("it was alive %s after the fence and its time to stop", late)
	if late > 500*time.Millisecond || late < -500*time.Millisecond {
		t.Error("that is not in time")
	}
	r.signal("nsched-guard", "CONT")
	r.run("rm", "/run/systemd/system/nsched-guard.service.d/test.conf")
	r.run("systemctl", "daemon-reload")
	r.run("systemctl", "restart", "nsched-guard.service")
	r.until("the guard is fresh", func() bool { return r.word().FreshUntil > r.uptime() })
}

// uptime is the boot time.
func (r *reality) uptime() time.Duration {
	up, _, _ := strings.Cut(r.run("cat", "/proc/uptime"), " ")
	seconds, err := strconv.ParseFloat(up, 64)
	if err != nil {
		r.t.Fatal(err)
	}
	return time.Duration(seconds * float64(time.Second))
}

// standing is what must not change.
func (r *reality) standing() string {
	return strings.Join([]string{
		r.show("nsched-guard", "MainPID"), r.show(r.unit.ServiceName(), "MainPID"),
		r.show(r.unit.ServiceName(), "ActiveState"), strconv.FormatInt(r.word().Tenure, 10),
	}, " ")
}

func killedReaper(t *testing.T, r *reality) {
	r.start(time.Second)
	before, pid := r.standing(), r.show("nsched-reaper", "MainPID")
	for _, end := range []func(){
		func() { r.signal("nsched-reaper", "KILL") },
		func() { r.run("systemctl", "restart", "nsched-reaper.service") },
	} {
		end()
		r.until("the reaper is back", func() bool {
			now := r.show("nsched-reaper", "MainPID")
			return now != "0" && now != pid && r.show("nsched-reaper", "ActiveState") == "active"
		})
		pid = r.show("nsched-reaper", "MainPID")
	}
	if after := r.standing(); after != before {
		t.Errorf("%s became %s", before, after)
	}
}

func upgradedGuard(t *testing.T, r *reality) {
	before := r.standing()
	for range 3 {
		r.run("systemctl", "reload", "nsched-guard.service")
	}
	// Longer than the fence and the watchdog together: the last one lives as well.
	fence := r.word().FreshUntil
	r.until("it is renewed", func() bool { return r.word().FreshUntil > fence+FenceAfter })
	if after := r.standing(); after != before {
		t.Errorf("%s became %s", before, after)
	}
}

func secondGuard(t *testing.T, r *reality) {
	before := r.standing()
	if out, err := r.Exec(r.ctx, "nsched", "guard"); err == nil || !strings.Contains(err.Error(), "another guard runs") {
		t.Errorf("it ended with %v: %s", err, out)
	}
	r.run("systemctl", "reload", "nsched-guard.service") // the socket is still the first one's
	if after := r.standing(); after != before {
		t.Errorf("%s became %s", before, after)
	}
}

func fullRun(t *testing.T, r *reality) {
	before := r.standing()
	r.write("/srv/fill", `set -e
used=$(df --output=used -k /run | tail -n 1)
mount -o remount,size=$((used + 2048))k /run
dd if=/dev/zero of=/run/filler bs=4k 2> /dev/null && exit 1
dd if=/dev/zero of=/run/more bs=4k count=1 2> /dev/null && exit 2
exit 0
`)
	r.run("/bin/bash", "/srv/fill")
	r.run("systemctl", "reload", "nsched-guard.service")
	fence := r.word().FreshUntil
	r.until("the word goes on", func() bool { return r.word().FreshUntil > fence+FenceAfter })
	r.run("rm", "/run/filler", "/run/more")
	r.run("mount", "-o", "remount,size=20%", "/run")
	if after := r.standing(); after != before {
		t.Errorf("%s became %s", before, after)
	}
}

func shutDown(t *testing.T, r *reality) {
	etcd, err := registry.NewEtcd(registry.EtcdOptions{Endpoints: []string{r.etcd}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = etcd.Close() }()
	keys, err := registry.NewKeys(registry.DefaultPrefix)
	if err != nil {
		t.Fatal(err)
	}
	alive := func() int64 {
		res, err := etcd.Range(r.ctx, registry.Range{Key: keys.Alive("n1")})
		if err != nil {
			t.Fatal(err)
		}
		if len(res.KVs) == 0 {
			return 0
		}
		return res.KVs[0].CreateRevision
	}
	r.run("systemctl", "stop", r.unit.ServiceName())
	tenure := r.word().Tenure
	r.run("systemctl", "restart", "nsched-guard.service")
	if got := alive(); got != tenure {
		t.Errorf("after a restart tenure %d is %d", tenure, got)
	}
	r.until("the guard is fresh", func() bool { return r.word().FreshUntil > r.uptime() })
	r.start(3 * time.Second)
	began := time.Now()
	if err := r.Shutdown(r.ctx); err != nil {
		t.Fatal(err)
	}
	// The lease itself would have ended TTL after the latest renewal.
	if took := time.Since(began); alive() != 0 && took < DefaultTTL-KeepaliveEvery {
		t.Errorf("%s after the shutdown began the tenure is still held", took)
	}
	if took := time.Since(began); took > DefaultTTL-2*KeepaliveEvery {
		t.Logf("the shutdown took %s: the lease may have ended by itself", took)
	}
}
