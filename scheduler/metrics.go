package scheduler

import "github.com/prometheus/client_golang/prometheus"

// collector makes metrics of an Overview when they are asked for.
type collector struct{ overview func() Overview }

var (
	leadingDesc  = prometheus.NewDesc("nsched_scheduler_leading", "1 while this scheduler leads.", nil, nil)
	termDesc     = prometheus.NewDesc("nsched_scheduler_term", "The term this scheduler leads in, 0 when it does not.", nil, nil)
	readyDesc    = prometheus.NewDesc("nsched_scheduler_ready", "1 when the scheduler has no problem, see /readyz.", nil, nil)
	viewDesc     = prometheus.NewDesc("nsched_scheduler_view_age_seconds", "How long ago etcd was last heard of.", nil, nil)
	nodesDesc    = prometheus.NewDesc("nsched_scheduler_nodes", "Registered nodes by standing.", []string{"standing"}, nil)
	frozenDesc   = prometheus.NewDesc("nsched_scheduler_evictions_frozen", "1 while too many nodes are lost at once for any to be evacuated.", nil, nil)
	appsDesc     = prometheus.NewDesc("nsched_scheduler_apps", "Apps known.", nil, nil)
	unitsDesc    = prometheus.NewDesc("nsched_scheduler_units", "Assignments known.", nil, nil)
	unplacedDesc = prometheus.NewDesc("nsched_scheduler_unplaced", "Slots that the latest plan could not fill.", nil, nil)
	plansDesc    = prometheus.NewDesc("nsched_scheduler_plans_total", "Plans made.", nil, nil)
	badDesc      = prometheus.NewDesc("nsched_scheduler_bad_keys", "Keys that cannot be read.", nil, nil)
)

// Describe implements prometheus.Collector.
func (collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		leadingDesc, termDesc, readyDesc, viewDesc, nodesDesc, frozenDesc, appsDesc, unitsDesc, unplacedDesc, plansDesc, badDesc,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	o := c.overview()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(leadingDesc, boolean(o.Leading))
	gauge(termDesc, float64(o.Term))
	gauge(readyDesc, boolean(len(o.Problems) == 0))
	gauge(viewDesc, o.ViewAge)
	gauge(nodesDesc, float64(o.NodesReady), "ready")
	gauge(nodesDesc, float64(o.NodesLost), "lost")
	gauge(nodesDesc, float64(o.Nodes-o.NodesReady-o.NodesLost), "other")
	gauge(frozenDesc, boolean(o.Frozen))
	gauge(appsDesc, float64(o.Apps))
	gauge(unitsDesc, float64(o.Units))
	gauge(unplacedDesc, float64(o.Unplaced))
	gauge(badDesc, float64(len(o.BadKeys)))
	ch <- prometheus.MustNewConstMetric(plansDesc, prometheus.CounterValue, float64(o.Plans))
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
