package systemd_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
)

// longestName is a unit whose service has the longest name that systemd can run.
func longestName() units.UnitID {
	label := func(n int) string { return strings.Repeat("x", n) }
	u := units.UnitID{
		Namespace: units.Namespace(label(63)), Slot: units.Slot(label(63)), App: "x",
		Generation: 1 << 30, Attempt: 1 << 30,
	}
	u.App = units.AppName(label(1 + systemd.NameLimit - len(u.ServiceName())))
	return u
}

func property(t *testing.T, s systemd.Service, name string) (values []any) {
	t.Helper()
	list, err := systemd.Properties(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		if p.Name == name {
			values = append(values, p.Value)
		}
	}
	return values
}

func TestAServiceThatBreaksTheRulesIsRefused(t *testing.T) {
	for name, breakIt := range map[string]func(*systemd.Service){
		"a namespace that is no label":   func(s *systemd.Service) { s.Unit.Namespace = "a.b" },
		"an app with a newline":          func(s *systemd.Service) { s.Unit.App = "x\nUser=root" },
		"an app with a specifier":        func(s *systemd.Service) { s.Unit.App = "%n" },
		"no slot":                        func(s *systemd.Service) { s.Unit.Slot = "" },
		"no attempt":                     func(s *systemd.Service) { s.Unit.Attempt = 0 },
		"a name that systemd cannot run": func(s *systemd.Service) { s.Unit = longestName(); s.Unit.Attempt *= 10 },
		"a relative shim":                func(s *systemd.Service) { s.Exec = "nsched-exec" },
		"a shim with arguments":          func(s *systemd.Service) { s.Exec += " --now" },
		"a record with a colon":          func(s *systemd.Service) { s.Record = "/a:b" },
		"a record above":                 func(s *systemd.Service) { s.Record = "/a/../b" },
		"a binding to a path":            func(s *systemd.Service) { s.BindTo = "/etc/x.service" },
		"a binding to two units":         func(s *systemd.Service) { s.BindTo = "a.service b.service" },
		"a guard with a percent":         func(s *systemd.Service) { s.GuardSocket = "/run/%n" },
		"a readiness that is none":       func(s *systemd.Service) { s.Readiness = "oneshot" },
		"a signal that is none":          func(s *systemd.Service) { s.Stop.Signal = "9" },
		"no stop timeout":                func(s *systemd.Service) { s.Stop.Timeout = 0 },
		"a negative start timeout":       func(s *systemd.Service) { s.StartTimeout = -1 },
		"negative attempts":              func(s *systemd.Service) { s.Restart.Attempts = -1 },
		"no memory":                      func(s *systemd.Service) { s.Resources.Memory = 0 },
		"less memory than reserved":      func(s *systemd.Service) { s.Resources.MemoryMax = 1 },
		"no cpu":                         func(s *systemd.Service) { s.Resources.CPU = 0 },
		"a state directory elsewhere":    func(s *systemd.Service) { s.State = []string{"../etc"} },
		"a hidden state directory":       func(s *systemd.Service) { s.State = []string{".x"} },
		"a state directory with a colon": func(s *systemd.Service) { s.State = []string{"a:b"} },
		"a writable everything":          func(s *systemd.Service) { s.Sandbox.WritablePaths = []string{"/"} },
		"a writable path with a prefix":  func(s *systemd.Service) { s.Sandbox.WritablePaths = []string{"+/srv"} },
		"a writable path with a blank":   func(s *systemd.Service) { s.Sandbox.WritablePaths = []string{"/srv /etc"} },
		"a capability that is none":      func(s *systemd.Service) { s.Sandbox.Capabilities = []string{"CAP_ALL"} },
		"a capability in lower case":     func(s *systemd.Service) { s.Sandbox.Capabilities = []string{"cap_net_raw"} },
		"a hidden relative path":         func(s *systemd.Service) { s.Hidden = []string{"etc"} },
		"a store path with a colon": func(s *systemd.Service) {
			s.Sandbox.ClosureOnly, s.ClosurePaths = true, []units.StorePath{"/nix/store/a:/etc"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := plainService(id("plain"))
			breakIt(&s)
			list, err := systemd.Properties(s)
			if !errors.Is(err, systemd.ErrInvalid) || list != nil {
				t.Errorf("got %v, %v", list, err)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\n") {
				t.Errorf("the error has two lines: %q", err)
			}
		})
	}
}

func TestTheLongestNameIsAccepted(t *testing.T) {
	if _, err := systemd.Properties(plainService(longestName())); err != nil {
		t.Error(err)
	}
}

// Whatever a person writes, no property that is built holds a character that means something to
// systemd's parser of unit files, and none of what was written where only names may be.
func TestNoUserTextReachesAProperty(t *testing.T) {
	// Between the hostile parts stands this word, so that it is seen wherever it turns up.
	const word = "smuggled"
	hostile := rapid.SampledFrom([]string{
		word, "\n" + word, "%n" + word, "$" + word, "${" + word + "}", ";" + word, "\"" + word, "'" + word, "\\" + word,
		" " + word, "=" + word, ":" + word, "../" + word, "/" + word, "+/" + word, "-/" + word, "~" + word, "\x00" + word, "é" + word,
	})
	rapid.Check(t, func(t *rapid.T) {
		s := plainService(id("plain"))
		targets := []*string{
			(*string)(&s.Unit.Namespace), (*string)(&s.Unit.App), (*string)(&s.Unit.Slot), &s.Stop.Signal, (*string)(&s.Readiness),
		}
		for _, field := range targets {
			if rapid.Bool().Draw(t, "hostile") {
				*field += hostile.Draw(t, "text")
			}
		}
		s.Sandbox.WritablePaths = rapid.SliceOfN(rapid.OneOf(hostile, rapid.Just("/srv/data")), 0, 2).Draw(t, "writable")
		s.Sandbox.Capabilities = rapid.SliceOfN(rapid.OneOf(hostile, rapid.Just("CAP_NET_RAW")), 0, 2).Draw(t, "capabilities")
		s.State = rapid.SliceOfN(rapid.OneOf(hostile, rapid.Just("data")), 0, 2).Draw(t, "state")
		list, err := systemd.Properties(s)
		if err != nil {
			return // refused: nothing is built
		}
		for _, p := range list {
			// %q escapes what is not printable, so newlines and the like show up as backslashes.
			text := fmt.Sprintf("%q", fmt.Sprint(p.Value))
			text = strings.ReplaceAll(text, `\\x2d`, "") // the slice's escaped dash, ours
			if strings.ContainsAny(strings.Trim(text, `"`), "\\\"'$%;") {
				t.Errorf("%s is %s", p.Name, text)
			}
		}
	})
}

func TestTheCPUWeightIsTheShare(t *testing.T) {
	for cpu, want := range map[units.CPUMilli]uint64{
		1: 1, 10: 1, 100: 10, 250: 25, 1000: 100, 2000: 200, 100_000: 10_000, 1 << 40: 10_000,
	} {
		s := plainService(id("plain"))
		s.Resources.CPU = cpu
		if diff := cmp.Diff([]any{want}, property(t, s, "CPUWeight")); diff != "" {
			t.Errorf("%v: %s", cpu, diff)
		}
	}
}

func TestAQuotaIsThereOnlyWhenAsked(t *testing.T) {
	s := plainService(id("plain"))
	if got := property(t, s, "CPUQuotaPerSecUSec"); got != nil {
		t.Errorf("quota is %v", got)
	}
	s.Resources.CPUMax = 1500
	if diff := cmp.Diff([]any{uint64(1_500_000)}, property(t, s, "CPUQuotaPerSecUSec")); diff != "" {
		t.Error(diff)
	}
}

func TestAttemptsCountRestartsAndSystemdCountsStarts(t *testing.T) {
	s := plainService(id("plain"))
	s.Restart = units.Restart{Attempts: 2, Interval: 30 * time.Minute, Delay: 15 * time.Second}
	for name, want := range map[string]any{
		"Restart": "always", "StartLimitBurst": uint32(3), "StartLimitIntervalUSec": uint64(1_800_000_000),
		"RestartUSec": uint64(15_000_000), "RemainAfterExit": false,
	} {
		if diff := cmp.Diff([]any{want}, property(t, s, name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	s.Restart = units.Restart{}
	if diff := cmp.Diff([]any{"no"}, property(t, s, "Restart")); diff != "" {
		t.Error(diff)
	}
}

func TestAUserIsTheSlots(t *testing.T) {
	base := id("app")
	name := systemd.UserName(base)
	if len(name) > 31 || !strings.HasPrefix(name, "nsd-") {
		t.Errorf("user is %q", name)
	}
	next := base
	next.Generation, next.Attempt = 7, 9
	if systemd.UserName(next) != name {
		t.Error("another unit of the slot is another user")
	}
	for _, change := range []func(*units.UnitID){
		func(u *units.UnitID) { u.Namespace = "other" }, func(u *units.UnitID) { u.App = "other" }, func(u *units.UnitID) { u.Slot = "1" },
	} {
		u := base
		change(&u)
		if systemd.UserName(u) == name {
			t.Errorf("%v is the same user as %v", u, base)
		}
	}
}

func TestPropertiesLeaveTheServiceAsItWas(t *testing.T) {
	s := plainService(id("plain"))
	s.Hidden = append(make([]string, 0, 10), "/var/lib/nsched")
	if _, err := systemd.Properties(s); err != nil {
		t.Fatal(err)
	}
	if got := s.Hidden[:cap(s.Hidden)][1]; got != "" {
		t.Errorf("the caller's slice got %q", got)
	}
}
