package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

const readAgain = 5 * time.Second

// errNoGeneration: the registry holds no such generation. Silence is not a command: it is asked again.
var errNoGeneration = errors.New("the registry holds no such generation")

// read fetches the unit's document.
func (d *Daemon) read(u *unit, now units.Instant) {
	if !d.described || u.readAt > now.Boot {
		return
	}
	u.busy[laneRead] = true
	key := d.o.Keys.Generation(u.rec.ID.AppID(), u.rec.ID.Generation)
	loop.Go(d.o.Executor, "read", key, func(ctx context.Context) (registry.RangeResult, error) {
		return d.o.KV.Range(ctx, registry.Range{Key: key})
	}, func(now units.Instant, r registry.RangeResult, err error) {
		u.busy[laneRead] = false
		switch {
		case err != nil:
			u.report.note = units.Reason{Code: units.ReasonUndecodable, Message: fmt.Sprintf("read %s: %v", key, err)}
		case len(r.KVs) == 0:
			u.report.note = units.Reason{Code: units.ReasonUndecodable, Message: fmt.Sprintf("read %s: %v", key, errNoGeneration)}
		default:
			s, _, err := registry.Decode[units.Submission](key, r.KVs[0].Value)
			if err == nil {
				d.adopt(u, s.Document)
				u.rec.Document, u.saved = s.Document, false
				return
			}
			u.report.note = units.Reason{Code: units.ReasonUndecodable, Message: err.Error()}
		}
		u.readAt = now.Boot + readAgain
	})
}

// adopt takes a document as the unit's, or says why it cannot run here. The scheduler has checked it
// before; the node checks the exact bytes again before it starts anything.
func (d *Daemon) adopt(u *unit, document string) {
	u.report.note = units.Reason{}
	read := units.ReadApp([]byte(document))
	app := read.App
	if err := read.Problems.Err(); err != nil {
		u.refused = units.Reason{Code: units.ReasonInvalidApp, Message: err.Error()}
		return
	}
	if app.ID() != u.rec.ID.AppID() {
		u.refused = units.Reason{Code: units.ReasonInvalidApp, Message: fmt.Sprintf("the document is of %s", app.ID())}
		return
	}
	if app.Schema > units.AppSchema {
		u.refused = units.Reason{Code: units.ReasonUnknownSchema, Message: fmt.Sprintf("it needs schema %d and this node knows %d", app.Schema, units.AppSchema)}
		return
	}
	if err := read.NotSupported.Err(); err != nil {
		u.refused = units.Reason{Code: units.ReasonNotSupported, Message: err.Error()}
		return
	}
	if admitted := d.self.Namespaces; len(admitted) > 0 && !slices.Contains(admitted, app.Namespace) {
		u.refused = units.Reason{Code: units.ReasonNotPermitted, Message: fmt.Sprintf("this node does not admit the namespace %s", app.Namespace)}
		return
	}
	if _, ok := app.PathFor(d.self.System); !ok {
		u.refused = units.Reason{Code: units.ReasonWrongArch, Message: "it has no path for " + d.self.System}
		return
	}
	u.app = &app
}
