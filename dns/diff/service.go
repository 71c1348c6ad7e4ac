package diff

import (
	"strings"

	"github.com/nsched/nsched/units"
)

// services drafts the SRV records of one endpoint under a name, and the addresses of their target. base is
// the app's name without the labels of a service and of a unit.
func (w *wisher) services(d draft, l *Live, base string) {
	service, _ := splitService(d.Name)
	target := d
	target.declared = false
	target.Proxied = false // a proxied address answers on web ports alone
	target.Name = join(string(l.Unit.Slot), base)
	if why := nameProblem(target.Name, d.Provider); why != "" {
		w.blame(target.Record, ReasonBadName, "%s", why)
		return
	}
	d.Data = Data{Priority: Priority, Weight: Weight, Target: target.Name}
	found := false
	for _, p := range servicePorts(service, l.Spec.Ports) {
		number := l.Endpoint.Ports[p.Name]
		if number == 0 {
			continue
		}
		found = true
		d.Data.Port = number
		if service != "" || len(l.Spec.Ports) == 1 {
			w.add(d)
		}
		if service == "" {
			under := d
			under.Name, under.declared = join("_"+p.Name, "_"+string(p.Protocol), d.Name), false
			w.add(under)
		}
	}
	if !found {
		w.blame(d.Record, ReasonNoTarget, "no port of the app is meant by it")
		return
	}
	for _, t := range []units.DNSType{units.DNSTypeA, units.DNSTypeAAAA} {
		target.Type = t
		w.addresses(target, l)
	}
}

// servicePorts returns the ports that a service's records are about: all of them, or the one that the
// name's own first label says.
func servicePorts(service string, ports []units.Port) []units.Port {
	if service == "" {
		return ports
	}
	first, _, _ := strings.Cut(service, ".")
	for _, p := range ports {
		if "_"+p.Name == first {
			return []units.Port{p}
		}
	}
	if len(ports) == 1 {
		return ports
	}
	return nil
}
