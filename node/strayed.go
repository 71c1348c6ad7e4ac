package node

import (
	"encoding/json"
	"time"

	"github.com/nsched/nsched/units"
)

// putApart is how soon a registration that somebody else took away is put again, so that two who disagree
// do not keep the registry busy.
const putApart = time.Second

// strayed reports whether nodes/<node> is known to be gone, or another than this daemon has put: a hand
// deleted it, or wrote over it. If it is too early to do anything about that, it returns when.
//
// What the view shows is compared alone with what was put, and it is no proof: putting it again compares
// the tenure and the mod revision like the first time, so it takes the name from nobody.
func (d *Daemon) strayed(now units.Instant) (bool, units.Instant) {
	if !d.registered || d.about.Revision() < d.nodeRevision || d.shown == d.nodeRevision {
		return false, units.Instant{}
	}
	if at := d.registeredAt + putApart; !now.Reached(at) {
		return false, now.Add(at - now.Boot)
	}
	d.o.Logger.Warn().Int64("rev", d.shown).Msg("registration was removed or overwritten by somebody else; it is put again")
	return true, units.Instant{}
}

// replaceable reports whether a registration that cannot be read may be written over: this daemon has put
// the one before, and what is there now names no other key. A daemon that was not there cannot know whose
// the name was.
func (d *Daemon) replaceable(value []byte) bool {
	if d.registeredIn == 0 {
		return false
	}
	var readable struct {
		Key string `json:"key"`
	}
	_ = json.Unmarshal(value, &readable)
	return readable.Key == "" || readable.Key == d.self.Key
}
