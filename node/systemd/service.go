package systemd

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/nsched/nsched/units"
)

// DefaultStartTimeout is how long a unit may take to be ready.
const DefaultStartTimeout = 90 * time.Second

// Service is what a transient unit is made of. It holds no text that a person wrote, with one exception
// that is checked for its characters: the paths of Sandbox.WritablePaths.
type Service struct {
	Unit units.UnitID
	// Exec is the shim, Shims.Install's answer; Record the file that Records.Write made. Absolute.
	Exec   string
	Record string
	// Resources: CPU, CPUMax, Memory and MemoryMax are enforced here; Disk and Devices are not.
	Resources units.Resources
	// Restart with no attempts means that systemd never restarts it, and that a unit which exits with 0
	// stays visible (active, exited) until it is stopped.
	Restart   units.Restart
	Readiness units.Readiness
	// Stop: DrainDelay is the caller's.
	Stop units.Stop
	// StartTimeout bounds the start, readiness included; 0 is DefaultStartTimeout.
	StartTimeout time.Duration
	// Bound is set for a unit that may run only in one tenure of its node; Manager.Start notes it.
	Bound *units.Bound
	// BindTo is a systemd unit whose end ends this one, such as the guard's; "" is none.
	BindTo string
	// After names systemd units that stop later than this one when the machine goes down. What becomes of
	// them otherwise does not touch it, whether they are there or not.
	After []string
	// GuardSocket is the one path below Hidden that the unit can reach besides the shim, for a shim that
	// has to ask the guard; "" is none.
	GuardSocket string
	// State names persistent directories, kept when the unit ends; see StateDir.
	State []string
	// Sandbox holds the relaxations that the node granted. ClosurePaths is what a unit sees of the store
	// when ClosureOnly is set.
	Sandbox      units.Sandbox
	ClosurePaths []units.StorePath
	// Hidden are directories that the unit must not see, beside those of every service; nil is
	// DefaultHidden. Those that do not exist are fine.
	Hidden []string

	// probeOOM makes the shim look for an OOM kill after the end: see Manager.Start.
	probeOOM bool
}

// NameLimit is the longest name of a service, in bytes. systemd allows 255, but names the unit's private
// /tmp "systemd-private-<boot id>-<service>-XXXXXX", and a longer one fails with Result=resources.
const NameLimit = 255 - len("systemd-private-") - 32 - len("-") - len("-XXXXXX")

// DefaultHidden is nsched's own: its state, its runtime directory, its configuration.
func DefaultHidden() []string { return []string{"/var/lib/nsched", "/run/nsched", "/etc/nsched"} }

// UserName returns the name of the dynamic user that a slot's units run as: "nsd-" and 80 bits of a hash
// of namespace, app and slot. systemd derives the uid from the name, so that the state of a slot keeps
// its owner from one unit to the next. The parts hold no dots, so joining them cannot collide.
func UserName(u units.UnitID) string {
	sum := sha256.Sum256([]byte(slotName(u)))
	return "nsd-" + hex.EncodeToString(sum[:10])
}

func slotName(u units.UnitID) string {
	return string(u.Namespace) + "." + string(u.App) + "." + string(u.Slot)
}

// RuntimeDir returns the unit's own directory in memory. systemd makes it, keeps it over restarts in
// place and removes it with the unit.
func RuntimeDir(u units.UnitID) string { return "/run/" + runtimeDirectory(u) }

// StateDir returns a slot's persistent directory of that name, shared by all units of the slot, one
// after the other.
func StateDir(u units.UnitID, name string) string { return "/var/lib/" + stateDirectory(u, name) }

// CredentialsDir returns where systemd puts the unit's credentials; the service alone can read it.
func CredentialsDir(u units.UnitID) string { return "/run/credentials/" + u.ServiceName() }

// The names lie beside nsched's own directories, not below them: those are hidden from units.
func runtimeDirectory(u units.UnitID) string { return "nsched-units/" + u.String() }

func stateDirectory(u units.UnitID, name string) string {
	return "nsched-units/" + slotName(u) + "/" + name
}

// Validate returns an error that wraps ErrInvalid for the first thing that must not reach systemd.
func (s Service) Validate() error {
	fail := func(what, why string) error {
		return fmt.Errorf("check service of %q: %w: %s %s", s.Unit.String(), ErrInvalid, what, why)
	}
	if err := s.Unit.Validate(); err != nil {
		return fail("unit", err.Error())
	}
	if n := len(s.Unit.ServiceName()); n > NameLimit {
		return fail("unit", fmt.Sprintf("has a service name of %d bytes, and systemd can run %d: shorten the app's name", n, NameLimit))
	}
	for _, p := range s.paths() {
		if !plainPath(p.path) {
			return fail(p.what, "must be a clean absolute path of letters, digits and ._+@=-")
		}
	}
	for _, name := range s.named() {
		if !plain(name) || strings.Contains(name, "/") || path.Ext(name) == "" {
			return fail("what it is bound to or ordered after", "must be the name of a systemd unit")
		}
	}
	if b := s.Bound; b != nil && (b.Unit != s.Unit || b.Tenure <= 0 || b.StopTimeout <= 0) {
		return fail("bound", "must have the unit's name, a tenure and a time to stop")
	}
	if s.Readiness != units.ReadyExec && s.Readiness != units.ReadyNotify {
		return fail("readiness", "is neither exec nor notify")
	}
	if _, ok := signalNumber(s.Stop.Signal); !ok {
		return fail("stop signal", "is not the name of a signal")
	}
	if s.Stop.Timeout <= 0 || s.StartTimeout < 0 || s.Restart.Delay < 0 || s.Restart.Interval < 0 || s.Restart.Attempts < 0 {
		return fail("a time or a number of attempts", "is out of range")
	}
	r := s.Resources
	if r.CPU <= 0 || r.CPUMax < 0 || r.Memory <= 0 || r.MemoryMax < r.Memory {
		return fail("resources", "are out of range")
	}
	for _, name := range s.State {
		if !plain(name) || strings.Contains(name, "/") || strings.HasPrefix(name, ".") {
			return fail("state", "must be a plain name")
		}
	}
	for _, name := range s.Sandbox.Capabilities {
		if _, ok := capabilityBit(name); !ok {
			return fail("capability", "is unknown")
		}
	}
	return nil
}

// named returns the systemd units that this one names.
func (s Service) named() []string {
	if s.BindTo == "" {
		return s.After
	}
	return append([]string{s.BindTo}, s.After...)
}

type namedPath struct{ what, path string }

func (s Service) paths() []namedPath {
	list := []namedPath{{"exec", s.Exec}, {"record", s.Record}}
	if s.GuardSocket != "" {
		list = append(list, namedPath{"guard socket", s.GuardSocket})
	}
	for _, p := range s.hidden() {
		list = append(list, namedPath{"hidden path", p})
	}
	for _, p := range s.Sandbox.WritablePaths {
		list = append(list, namedPath{"writable path", p})
	}
	for _, p := range s.ClosurePaths {
		// A store path may hold "?": a plain character to systemd here.
		list = append(list, namedPath{"store path", strings.ReplaceAll(string(p), "?", "_")})
	}
	return list
}

func (s Service) hidden() []string {
	if s.Hidden == nil {
		return DefaultHidden()
	}
	return s.Hidden
}

// plainPath reports whether p is clean, absolute and free of all that means something to systemd:
// specifiers (%), separators (: and blanks), quotes, escapes.
func plainPath(p string) bool {
	return path.IsAbs(p) && path.Clean(p) == p && p != "/" && plain(p)
}

func plain(s string) bool {
	for i := range len(s) {
		c := s[i]
		if ('a' > c || c > 'z') && ('A' > c || c > 'Z') && ('0' > c || c > '9') && !strings.ContainsRune("/._+@=-", rune(c)) {
			return false
		}
	}
	return s != ""
}
