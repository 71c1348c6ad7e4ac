package systemd

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"syscall"
	"time"

	"github.com/nsched/nsched/units"
)

// fakeUnit is one service of a Fake.
//
//	start -> activating/start -> active/running -> ended -> active/exited | failed
//	             ^                     |             |
//	             |                     v stop        v Restart
//	             |            deactivating -> gone   activating/auto-restart
//	             +-------------------------------------------+
type fakeUnit struct {
	fake    *Fake
	service Service
	state   Unit
	program Program
	// starts are the times that count against the start limit.
	starts []time.Duration
	count  int
	// at and then are what happens next by itself; byInit is what PID 1 does, and not the process.
	at     time.Duration
	then   func()
	byInit bool
	// alive: the process is there, whatever PID 1 knows. unseen is its end while PID 1 did not look.
	alive  bool
	unseen *Program
}

func (u *fakeUnit) happen() {
	then := u.then
	if u.byInit && u.fake.saturated {
		u.cancel()
		u.fake.deferred = append(u.fake.deferred, func() {
			if u.fake.units[u.service.Unit] == u {
				then()
			}
		})
		return
	}
	u.cancel()
	then()
}

// plan makes the process do something by itself.
func (u *fakeUnit) plan(after time.Duration, then func()) {
	u.at, u.then, u.byInit, u.fake.firstKnown = u.fake.now+after, then, false, false
}

// planInit makes PID 1 do something by itself.
func (u *fakeUnit) planInit(after time.Duration, then func()) {
	u.plan(after, then)
	u.byInit = true
}

func (u *fakeUnit) cancel() { u.then, u.fake.firstKnown = nil, false }

// exit is the end of the process, which PID 1 hears of when it can.
func (u *fakeUnit) exit(p Program) {
	if !u.fake.saturated {
		u.ended(p)
		return
	}
	u.cancel()
	u.gone()
	u.unseen = &p
}

// gone is that there is no process any more.
func (u *fakeUnit) gone() {
	if u.alive {
		u.alive = false
		u.fake.changedLive()
	}
}

func (u *fakeUnit) enter(active ActiveState, sub string) {
	u.state.Active, u.state.Sub = active, sub
	u.fake.changed = append(u.fake.changed, u.service.Unit)
}

func (u *fakeUnit) start() {
	f := u.fake
	f.serial++
	u.count++
	u.starts = append(u.starts, f.now)
	u.program = f.program(u.service, u.count)
	u.alive = true
	f.changedLive()
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(f.serial)))
	u.state = Unit{
		ID: u.service.Unit, Result: units.ResultSuccess, MainPID: 1000 + f.serial,
		Invocation: hex.EncodeToString(sum[:16]), Restarts: u.count - 1, Exec: u.service.Exec,
		ControlGroup: "/" + units.SliceName(u.service.Unit.Namespace) + "/" + u.service.Unit.ServiceName(),
		Started:      f.now, Ready: u.state.Ready, Job: "start",
	}
	u.enter(Activating, "start")
	limit := u.service.StartTimeout
	if limit == 0 {
		limit = DefaultStartTimeout
	}
	dies := u.program.Ends && u.program.Life < u.program.Ready
	switch {
	case dies && u.program.Life <= limit:
		u.plan(u.program.Life, func() { u.exit(u.program) })
	case u.program.Ready > limit:
		u.planInit(limit, func() { u.endedAs(units.ResultTimeout, Program{Signal: syscall.SIGTERM}) })
	case u.program.Ready == 0:
		u.ready()
	default:
		u.plan(u.program.Ready, u.ready)
	}
}

func (u *fakeUnit) ready() {
	u.state.Ready, u.state.Job = u.fake.now, ""
	u.enter(Active, "running")
	if u.program.Ends {
		u.plan(u.program.Life-u.program.Ready, func() { u.exit(u.program) })
	}
}

// clean reports whether systemd takes such an end for success (systemd.service(5), SuccessExitStatus).
func clean(p Program) bool {
	if p.Signal != 0 {
		return slices.Contains([]syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE}, p.Signal)
	}
	return p.ExitCode == 0
}

// ended is the end of the process by the way that p says.
func (u *fakeUnit) ended(p Program) {
	switch {
	case p.OOM:
		p.Signal = syscall.SIGKILL
		u.endedAs(units.ResultOOMKill, p)
	case clean(p):
		u.endedAs(units.ResultSuccess, p)
	case p.Signal != 0:
		u.endedAs(units.ResultSignal, p)
	default:
		u.endedAs(units.ResultExitCode, p)
	}
}

func (u *fakeUnit) endedAs(result units.Result, p Program) {
	told := u.state.Job == "stop"
	u.cancel()
	u.gone()
	u.state.MainPID, u.state.Ended, u.state.Job, u.state.ControlGroup = 0, u.fake.now, "", ""
	u.state.Result, u.state.OOMKilled = result, result == units.ResultOOMKill
	u.state.Signal, u.state.ExitCode = int(p.Signal), p.ExitCode
	if p.Signal != 0 {
		u.state.ExitCode = 0
	}
	switch {
	case told && result == units.ResultSuccess:
		u.collect()
	case told:
		u.enter(Failed, "failed")
	case u.service.Restart.Attempts > 0:
		u.enter(Activating, "auto-restart")
		u.planInit(u.service.Restart.Delay, u.restart)
	case result == units.ResultSuccess:
		u.enter(Active, "exited")
	default:
		u.enter(Failed, "failed")
	}
}

// restart starts anew unless that has happened too often: systemd counts starts in windows that begin
// with the first start after the last one.
func (u *fakeUnit) restart() {
	r := u.service.Restart
	if len(u.starts) > 0 && u.fake.now > u.starts[0]+r.Interval {
		u.starts = nil
	}
	if r.Interval > 0 && len(u.starts) > r.Attempts {
		if u.state.Result == units.ResultSuccess {
			u.state.Result = units.ResultStartLimit
		}
		u.state.Restarts++
		u.enter(Failed, "failed")
		return
	}
	u.start()
}

func (u *fakeUnit) stop() {
	switch {
	case u.state.Job == "stop" || u.state.Active == Failed:
	case u.state.MainPID == 0:
		u.collect()
	default:
		u.state.Job = "stop"
		u.enter(Deactivating, "stop-sigterm")
		u.asked(u.service.Stop.Timeout)
	}
}

// asked plans what the stop signal leads to; a limit of 0 is none.
func (u *fakeUnit) asked(limit time.Duration) {
	natural := u.then != nil && u.program.Ends && u.state.Started+u.program.Life <= u.fake.now+limit
	switch {
	case !u.program.IgnoresStop && (limit == 0 || u.program.StopTakes <= limit):
		u.plan(u.program.StopTakes, func() { u.exit(Program{}) })
	case natural:
		u.plan(u.state.Started+u.program.Life-u.fake.now, func() { u.exit(u.program) })
	case limit > 0:
		u.planInit(limit, func() { u.endedAs(units.ResultTimeout, Program{Signal: syscall.SIGKILL}) })
	}
}

func (u *fakeUnit) kill(signal syscall.Signal) {
	switch {
	case u.state.MainPID == 0:
	case signal == syscall.SIGKILL:
		u.ended(Program{Signal: signal})
	default:
		u.asked(0)
	}
}

func (u *fakeUnit) collect() {
	u.cancel()
	u.gone()
	u.fake.remove(u)
	u.enter(Inactive, "dead")
}
