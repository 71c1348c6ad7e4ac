package node

import (
	"maps"
	"slices"
	"time"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// Overview is what a daemon tells of itself to its API. It is a value, made anew by every Step; how long a
// unit has been healthy may be a second old in it.
type Overview struct {
	Node       units.NodeName      `json:"node"`
	Tenure     int64               `json:"tenure,omitempty"`
	Registered bool                `json:"registered"`
	Problems   []string            `json:"problems,omitempty"` // why the node is not ready
	BadKeys    map[string]string   `json:"badKeys,omitempty"`
	States     map[units.State]int `json:"states"`
	Units      []UnitOverview      `json:"units"`
	Contact    float64             `json:"contactAgeSeconds"`
	// CutOff is set while the node has no contact to the cluster.
	CutOff *CutOff `json:"cutOff,omitempty"`
	// Held is why the registry is not believed; "" while it is.
	Held string        `json:"held,omitempty"`
	Seen registry.Seen `json:"seen"` // how far the registry was ever seen, and why it is not believed
}

// UnitOverview is one unit in an Overview.
type UnitOverview struct {
	ID       units.UnitID `json:"unit"`
	Status   units.Status `json:"status"`
	Progress *Progress    `json:"progress,omitempty"`
}

// Overview returns what the last Step left. Any goroutine may call it.
func (d *Daemon) Overview() Overview {
	o := *d.told.Load()
	o.Units = slices.Clone(o.Units)
	for i := range o.Units {
		if p, ok := d.fetched.unit(o.Units[i].ID); ok {
			o.Units[i].Progress = &p
		}
	}
	return o
}

// retellEvery is how often what is told of the units is made anew though nothing about them changed.
const retellEvery = time.Second

func (d *Daemon) tellAll(now units.Instant) {
	o := Overview{
		Node: d.o.Node, Tenure: d.place.Tenure, Registered: d.registered,
		BadKeys: maps.Clone(d.bad), Seen: d.continuity.Seen(), Problems: d.problems(now),
	}
	if d.loaded {
		o.Contact = d.view.State(now).Age.Seconds()
		o.CutOff, o.Held = d.overviewCutOff(now), d.continuity.Held()
	}
	if before := d.told.Load(); before != nil && !d.retell && len(before.Units) == len(d.order) && now.Boot < d.retellAt {
		o.States, o.Units = before.States, before.Units
	} else {
		d.retell, d.retellAt = false, now.Boot+retellEvery
		o.States, o.Units = d.tellUnits()
	}
	d.told.Store(&o)
}

func (d *Daemon) tellUnits() (map[units.State]int, []UnitOverview) {
	states, list := map[units.State]int{}, make([]UnitOverview, 0, len(d.order))
	for _, u := range d.order {
		states[u.report.want.State]++
		list = append(list, UnitOverview{ID: u.rec.ID, Status: u.report.want})
	}
	return states, list
}

// problems says why the node is not ready.
func (d *Daemon) problems(now units.Instant) (found []string) {
	is := func(so bool, why string) {
		if so {
			found = append(found, why)
		}
	}
	failed := func(err error, what string) {
		if err != nil {
			found = append(found, what+": "+err.Error())
		}
	}
	is(!d.loaded, "the records are being read")
	is(!d.confirmed, "the registry has not been read yet")
	is(d.confirmed && d.loaded && d.view.State(now).Age > recentContact, "the registry does not answer")
	if held := d.continuity.Held(); held != "" {
		found = append(found, "the registry is not believed: "+held)
	}
	failed(d.guardErr, "the guard does not answer")
	if d.place.asked && !d.place.held() {
		found = append(found, "the guard does not hold this node's place: "+d.place.Reason.String())
	}
	failed(d.systemdErr, "systemd does not answer")
	failed(d.describeErr, "the machine cannot be described")
	failed(d.registerErr, "the node is not registered")
	is(!d.registered && d.registerErr == nil, "the node is not registered yet")
	return found
}
