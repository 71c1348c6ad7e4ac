package node

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/nsched/nsched/units"
)

// collector makes metrics of an Overview when they are asked for. No label holds a store path, a unit
// or anything else that there is no end of.
type collector struct{ overview func() Overview }

var (
	unitsDesc      = prometheus.NewDesc("nsched_node_units", "Units on this node by state.", []string{"state"}, nil)
	readyDesc      = prometheus.NewDesc("nsched_node_ready", "1 when the node has no problem, see /readyz.", nil, nil)
	registeredDesc = prometheus.NewDesc("nsched_node_registered", "1 when the node is registered in its present tenure.", nil, nil)
	contactDesc    = prometheus.NewDesc("nsched_node_registry_contact_age_seconds", "How long ago the registry was last heard of.", nil, nil)
	cutOffDesc     = prometheus.NewDesc("nsched_node_cut_off", "1 when the node has no contact to the cluster.", nil, nil)
	heldDesc       = prometheus.NewDesc("nsched_node_held", "1 when the registry went back in time and is not believed.", nil, nil)
	badDesc        = prometheus.NewDesc("nsched_node_bad_keys", "Assignments that cannot be read.", nil, nil)
)

// Describe implements prometheus.Collector.
func (collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{unitsDesc, readyDesc, registeredDesc, contactDesc, cutOffDesc, heldDesc, badDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	o := c.overview()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, s := range units.States() {
		gauge(unitsDesc, float64(o.States[s]), string(s))
	}
	gauge(readyDesc, boolean(len(o.Problems) == 0))
	gauge(registeredDesc, boolean(o.Registered))
	gauge(contactDesc, o.Contact)
	gauge(cutOffDesc, boolean(o.CutOff != nil))
	gauge(heldDesc, boolean(o.Held != ""))
	gauge(badDesc, float64(len(o.BadKeys)))
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
