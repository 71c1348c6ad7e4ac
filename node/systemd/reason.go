package systemd

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/nsched/nsched/units"
)

// Exit codes of the shim, nsched-exec, that tell what kept it from becoming the app. An app may exit with
// them too; the shim's own line in the journal tells both apart.
const (
	ExitTenure        = 75  // EX_TEMPFAIL of sysexits(3): the tenure is not the guard's own and fresh
	ExitRecord        = 78  // EX_CONFIG: no record, or one that cannot be read
	ExitNotExecutable = 126 // as shells have it
	ExitMissing       = 127 // as shells have it
)

// ProbeOOM is the argument that makes the shim look whether its control group saw an OOM kill, and exit
// with ExitOOM if so.
const (
	ProbeOOM = "probe-oom"
	ExitOOM  = 9
)

// systemd's own exit codes for what it does between fork and exec (systemd.exec(5)).
const firstSystemdExit, lastSystemdExit = 200, 245

// Reason returns why the unit ended; the zero Reason while it has not, or when it ended well.
func (u Unit) Reason() units.Reason {
	because := func(code, format string, args ...any) units.Reason {
		return units.Reason{Code: code, Message: fmt.Sprintf(format, args...)}
	}
	switch result := u.Outcome(); result {
	case units.ResultNone:
		return units.Reason{}
	case units.ResultSuccess:
		if u.Active != Active {
			return units.Reason{}
		}
		return because(units.ReasonExited, "exited with 0")
	case units.ResultExitCode:
		return u.exited()
	case units.ResultSignal, units.ResultCoreDump:
		return because(units.ReasonKilled, "ended by %s%s", signalName(u.Signal), u.restarted())
	case units.ResultOOMKill:
		return because(units.ReasonOutOfMemory, "killed by the kernel at its memoryMax%s", u.restarted())
	case units.ResultTimeout:
		if u.Ready < u.Started {
			return because(units.ReasonStartTimeout, "was not ready in time%s", u.restarted())
		}
		return because(units.ReasonStopTimeout, "ignored its stop signal and was killed")
	case units.ResultWatchdog:
		return because(units.ReasonWatchdog, "stopped telling systemd that it is alive%s", u.restarted())
	case units.ResultStartLimit:
		return because(units.ReasonRestartLimit, "ended with exit code %d%s", u.ExitCode, u.restarted())
	default:
		return because(units.ReasonSystemdFailed, "systemd says %q%s", string(result), u.restarted())
	}
}

func (u Unit) exited() units.Reason {
	r := units.Reason{Code: units.ReasonExited, Message: fmt.Sprintf("exited with %d%s", u.ExitCode, u.restarted())}
	switch {
	case u.ExitCode >= firstSystemdExit && u.ExitCode <= lastSystemdExit:
		r.Code = units.ReasonExecFailed
		r.Message = fmt.Sprintf("systemd could not set it up (exit code %d of systemd.exec)%s", u.ExitCode, u.restarted())
	case u.ExitCode == ExitMissing:
		r.Code = units.ReasonExecutableMissing
	case u.ExitCode == ExitNotExecutable:
		r.Code = units.ReasonExecFailed
	}
	return r
}

// restarted gives no number: systemd counts the restart that its limit refused, too.
func (u Unit) restarted() string {
	if u.Restarts == 0 {
		return ""
	}
	return ", and restarts in place did not help"
}

func signalName(number int) string {
	if name := unix.SignalName(unix.Signal(number)); name != "" {
		return name
	}
	return fmt.Sprintf("signal %d", number)
}
