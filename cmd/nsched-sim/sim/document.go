package sim

import (
	"fmt"
	"hash/fnv"
	"time"

	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
)

// profile is what makes one app unlike another: more of its document, and how many units it may have.
type profile struct {
	more        string
	least, most int
}

// Every document has a short back-off, so that what failed has come back before a run is judged.
const (
	reschedule = `"reschedule":{"delay":"5s","maxDelay":"40s"},`
	port       = `"ports":[{"name":"http"}],`
	checked    = port + `"healthChecks":{"http":[{"url":"http://localhost/healthz?unit=${unit.id}","interval":"20s"}]}`
	often      = port + `"healthChecks":{"http":[{"url":"http://localhost/healthz?unit=${unit.id}","interval":"5s","failAfter":2}]}`
)

// profiles are those of the apps of a run, in turn.
var profiles = []profile{
	{checked, 3, 8},
	{`"singleton":true,` + often, 1, 1},
	{checked + `,"disconnect":{"onPartition":"stop"}`, 2, 6},
	{port + `"restart":{"attempts":0}`, 3, 7},
	{checked + `,"disconnect":{"lostAfter":"45s"}`, 2, 6},
	{`"singleton":true,` + checked + `,"stop":{"timeout":"9s"}`, 1, 1},
	{checked + `,"disconnect":{"reconcile":"keepReplacement"}`, 3, 7},
	{`"ports":[{"name":"http","port":8080}],"healthChecks":{"tcp":[{"port":"http","interval":"30s"}]}`, 1, 4},
	{`"stop":{"timeout":"5s"},"restart":{"attempts":1,"delay":"2s"}`, 3, 8},
	{`"singleton":true,"disconnect":{"lostAfter":"20s"},"stop":{"timeout":"3s"}`, 1, 1},
	{`"priority":80,` + checked + `,"stop":{"drainDelay":"4s"}`, 3, 7},
	{`"singleton":true,"disconnect":{"onPartition":"stop","reconcile":"keepReplacement"},"stop":{"timeout":"4s"}`, 1, 1},
}

// profileOf is that of an app.
func profileOf(app units.AppID) profile {
	var i int
	if _, err := fmt.Sscanf(string(app.Name), appNames, &i); err != nil {
		return profiles[0]
	}
	return profiles[i%len(profiles)]
}

const appNames = "app%02d"

// App names the i-th app.
func App(i int) units.AppID {
	return units.AppID{Namespace: "default", Name: units.AppName(fmt.Sprintf(appNames, i))}
}

// document is an app. Its generation is in its environment, so that generations differ, and in its path, so
// that each has a closure of its own.
func document(app units.AppID, g units.Generation, cpu int) string {
	const base32 = "0123456789abcdfghijklmnpqrsvwxyz"
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%s %d", app, g) // a hash never fails
	sum := h.Sum64()
	hash := make([]byte, 32)
	for i := range hash {
		hash[i] = base32[(sum>>(i%12*5)+uint64(i/12))%32]
	}
	return fmt.Sprintf(`{"name":%q,"namespace":%q,"path":"/nix/store/%s-%s","command":["bin/app"],`+
		`"env":{"GENERATION":"%d"},"resources":{"cpu":"%dm","memory":"64Mi"},%s%s}`,
		app.Name, app.Namespace, hash, app.Name, g, cpu, reschedule, profileOf(app).more)
}

// flaw is what is wrong with one generation of an app.
type flaw struct {
	program systemd.Program
	sick    bool
}

// flaws are those that a generation may have, by name; "" is none.
var flaws = map[string]flaw{
	"crashes":       {program: systemd.Program{Ends: true, Life: 3 * time.Second, ExitCode: 1}},
	"ends":          {program: systemd.Program{Ends: true, Life: 30 * time.Second}},
	"sick":          {sick: true},
	"stops slowly":  {program: systemd.Program{StopTakes: 2500 * time.Millisecond}},
	"deaf to stops": {program: systemd.Program{IgnoresStop: true}},
	"starts slowly": {program: systemd.Program{Ready: 15 * time.Second}},
}

// harmless are those with which an app comes to rest all the same.
var harmless = []string{"stops slowly", "deaf to stops", "starts slowly"}

// harmful are those with which it does not.
var harmful = []string{"crashes", "ends", "sick"}

// flawOf is what is wrong with a unit's generation.
func (w *World) flawOf(id units.UnitID) flaw {
	if w.Operator == nil {
		return flaw{}
	}
	return flaws[w.Operator.flaws[Keys.Generation(id.AppID(), id.Generation)]]
}
