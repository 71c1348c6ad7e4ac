package systemd

import (
	"time"

	"github.com/nsched/nsched/units"
)

// Properties returns the properties of the unit's transient service, in a fixed order. It is pure. An
// error wraps ErrInvalid.
func Properties(s Service) ([]Property, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	var list []Property
	for _, part := range [][]Property{identity(s), execution(s), lifecycle(s), limits(s.Resources), sandbox(s)} {
		list = append(list, part...)
	}
	return list, nil
}

// identity says what the unit is and where it stands.
func identity(s Service) []Property {
	list := []Property{
		{"Description", "nsched unit " + s.Unit.String()},
		{"Slice", units.SliceName(s.Unit.Namespace)},
		// A unit that failed stays loaded until its status is in the registry and ResetFailed was called.
		// inactive-or-failed would collect it at once, and a collected unit answers Result=success.
		{"CollectMode", "inactive"},
		{"SyslogIdentifier", string(s.Unit.App)},
		{"StandardInput", "null"},
		{"StandardOutput", "journal"},
		{"StandardError", "journal"},
	}
	if s.BindTo != "" {
		list = append(list, Property{"BindsTo", []string{s.BindTo}})
	}
	if len(s.After) > 0 {
		// An order and nothing else: a restart of what it names does not touch the unit, and when the machine
		// goes down the unit ends first. What it is bound to is not among it: systemd 252 starts a guard that died
		// again only when all that is ordered after it has stopped, and a stop that takes long would cost the
		// node its place.
		list = append(list, Property{"After", s.After})
	}
	return list
}

// execution says what is run. The shim is the whole command line: version 252 changes `$` and `;` in the
// arguments of a transient unit after a daemon-reload, and calls ExecStartEx a bad setting.
func execution(s Service) []Property {
	kind := "exec" // unlike simple, the start job fails when the shim cannot be executed
	if s.Readiness == units.ReadyNotify {
		kind = "notify"
	}
	list := []Property{
		{"Type", kind},
		{"ExecStart", []execCommand{{Path: s.Exec, Argv: []string{s.Exec}}}},
		{"LoadCredential", []credential{{ID: "record", Path: s.Record}}},
		// A service begins with the dispositions of signals that a shell would give it.
		{"IgnoreSIGPIPE", false},
		{"RuntimeDirectory", []string{runtimeDirectory(s.Unit)}},
		{"RuntimeDirectoryMode", uint32(0o700)},
		{"RuntimeDirectoryPreserve", "restart"},
	}
	if s.Readiness == units.ReadyNotify {
		list = append(list, Property{"NotifyAccess", "main"})
	}
	if s.probeOOM {
		list = append(list, Property{"ExecStopPost", []execCommand{{
			Path: s.Exec, Argv: []string{s.Exec, ProbeOOM}, IgnoreFailure: true,
		}}})
	}
	if len(s.State) > 0 {
		var names []string
		for _, name := range s.State {
			names = append(names, stateDirectory(s.Unit, name))
		}
		list = append(list, Property{"StateDirectory", names}, Property{"StateDirectoryMode", uint32(0o700)})
	}
	return list
}

// lifecycle says how the unit is restarted and how it ends. Everything is explicit: the machine's
// system.conf may have other defaults.
func lifecycle(s Service) []Property {
	startTimeout := s.StartTimeout
	if startTimeout == 0 {
		startTimeout = DefaultStartTimeout
	}
	number, _ := signalNumber(s.Stop.Signal)
	list := []Property{
		{"TimeoutStartUSec", microseconds(startTimeout)},
		{"TimeoutStopUSec", microseconds(s.Stop.Timeout)},
		{"KillSignal", number},
		// The signal goes to the process that the app named, which knows what to do with its children;
		// what is left after it, or after the timeout, is killed.
		{"KillMode", "mixed"},
		{"SendSIGKILL", true},
		// One process killed for memory ends the unit: half a service is worse than a restarted one.
		{"OOMPolicy", "stop"},
	}
	if s.Restart.Attempts == 0 {
		return append(list,
			Property{"Restart", "no"},
			Property{"StartLimitIntervalUSec", uint64(0)}, // no limit, as there is one start
			// Else a unit that exits with 0 would be collected before anybody saw it.
			Property{"RemainAfterExit", true})
	}
	if s.Bound != nil {
		// A guard that does not vouch for the tenure will not do so at the next try: the attempt is over, and
		// was no crash.
		list = append(list, Property{"RestartPreventExitStatus", exitStatuses{Codes: []int32{ExitTenure}, Signals: []int32{}}})
	}
	return append(list,
		// A service that ends by itself has failed to go on, whatever its exit code.
		Property{"Restart", "always"},
		Property{"RestartUSec", microseconds(s.Restart.Delay)},
		Property{"StartLimitIntervalUSec", microseconds(s.Restart.Interval)},
		// systemd counts starts, the first included.
		Property{"StartLimitBurst", uint32(min(s.Restart.Attempts, 1<<30) + 1)},
		Property{"StartLimitAction", "none"},
		Property{"RemainAfterExit", false})
}

func microseconds(d time.Duration) uint64 { return uint64(d / time.Microsecond) }
