package units

// Result is how a unit's process ended: systemd's words for its Result property, and three of our own
// for what systemd has no word.
type Result string

// systemd's words, as of version 252.
const (
	ResultSuccess       Result = "success"
	ResultProtocol      Result = "protocol"
	ResultTimeout       Result = "timeout"
	ResultExitCode      Result = "exit-code"
	ResultSignal        Result = "signal"
	ResultCoreDump      Result = "core-dump"
	ResultWatchdog      Result = "watchdog"
	ResultExecCondition Result = "exec-condition"
	ResultStartLimit    Result = "start-limit-hit"
	ResultOOMKill       Result = "oom-kill"
	ResultResources     Result = "resources"
)

// Our own words.
const (
	// ResultNone means that it has not ended.
	ResultNone Result = ""
	// ResultNotStarted means that the attempt ended before systemd was asked for anything.
	ResultNotStarted Result = "not-started"
	// ResultVanished means that the unit went away unobserved. A collected unit answers "success",
	// which would be a lie.
	ResultVanished Result = "vanished"
	// ResultRebooted means that the machine went down under it.
	ResultRebooted Result = "rebooted"
)

// Failed reports whether the result counts as a failure of the attempt. A word that this version does
// not know does: a newer systemd adds words for new ways to fail.
func (r Result) Failed() bool {
	switch r {
	case ResultNone, ResultSuccess, ResultRebooted, ResultNotStarted:
		return false
	}
	return true
}
