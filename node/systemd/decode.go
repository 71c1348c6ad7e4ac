package systemd

import (
	"encoding/hex"
	"fmt"
	"math"
	"syscall"
	"time"

	"github.com/nsched/nsched/units"
)

// properties is a unit's GetAll answer: one message, so all of it is from one moment.
type properties map[string]any

// values of ExecMainCode, wait's si_code.
const (
	cldExited = 1
	cldKilled = 2
	cldDumped = 3
)

// loaded reports whether systemd knows the unit. Asking for one that is gone makes systemd answer for an
// empty stub with LoadState=not-found, which claims Result=success.
func (p properties) loaded() bool {
	state, _ := p["LoadState"].(string)
	return state != "" && state != "not-found"
}

// unit reads the answer. A property that is missing or of another type is an error: a guess could stop
// or start something.
func (p properties) unit(id units.UnitID) (u Unit, err error) {
	r := reader{properties: p}
	u = Unit{
		ID:           id,
		Active:       ActiveState(read[string](&r, "ActiveState")),
		Sub:          read[string](&r, "SubState"),
		Result:       units.Result(read[string](&r, "Result")),
		MainPID:      int(read[uint32](&r, "MainPID")),
		Invocation:   hex.EncodeToString(read[[]byte](&r, "InvocationID")),
		Restarts:     int(read[uint32](&r, "NRestarts")),
		ControlGroup: read[string](&r, "ControlGroup"),
		Started:      r.monotonic("ExecMainStartTimestampMonotonic"),
		Ended:        r.monotonic("ExecMainExitTimestampMonotonic"),
		Ready:        r.monotonic("ActiveEnterTimestampMonotonic"),
		Exec:         r.exec(),
	}
	status := int(read[int32](&r, "ExecMainStatus"))
	switch read[int32](&r, "ExecMainCode") {
	case cldExited:
		u.ExitCode = status
	case cldKilled, cldDumped:
		u.Signal = status
	}
	u.OOMKilled = u.Result == units.ResultOOMKill || u.Signal == int(syscall.SIGKILL) && r.probeSawOOM()
	if r.err != nil {
		return Unit{}, fmt.Errorf("read unit %s: %w", id, r.err)
	}
	return u, nil
}

// reader remembers the first property that could not be read.
type reader struct {
	properties
	err error
}

func read[T any](r *reader, name string) T {
	v, ok := r.properties[name].(T)
	if !ok && r.err == nil {
		r.err = fmt.Errorf("%w: property %s is %T, not %T", ErrProtocol, name, r.properties[name], v)
	}
	return v
}

func (r *reader) monotonic(name string) time.Duration {
	t := read[uint64](r, name)
	return time.Duration(min(t, math.MaxInt64/1000)) * time.Microsecond
}

// exec returns the path in ExecStart, a(sasbttttuii).
func (r *reader) exec() string {
	for _, command := range read[[][]any](r, "ExecStart") {
		if path, ok := command[0].(string); ok {
			return path
		}
	}
	return ""
}

// probeSawOOM reads the last exit code of ExecStopPost, where it is the OOM probe.
func (r *reader) probeSawOOM() bool {
	const fieldCode, fieldStatus = 8, 9
	commands, _ := r.properties["ExecStopPost"].([][]any)
	for _, command := range commands {
		if len(command) <= fieldStatus {
			continue
		}
		argv, _ := command[1].([]string)
		code, _ := command[fieldCode].(int32)
		status, _ := command[fieldStatus].(int32)
		if len(argv) == 2 && argv[1] == ProbeOOM && code == cldExited && status == ExitOOM {
			return true
		}
	}
	return false
}
