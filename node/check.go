package node

import (
	"time"

	"github.com/nsched/nsched/units"
)

// check is one health check of one running unit. Times are boot time.
type check struct {
	name     string
	interval time.Duration
	timeout  time.Duration
	limits   units.Thresholds

	due      time.Duration
	inFlight bool
	quick    time.Duration // the pause before the next try while nothing is decided
	passes   int           // in a row
	fails    int           // in a row
	verdict  units.Health
	why      string // of the last failure
}

// observe counts one try, made when the unit had been up for age. The verdict changes only after
// PassAfter passes or FailAfter failures in a row, so a check that flaps below its threshold changes
// nothing. While nothing is decided tries come faster than the interval, and failures decide only
// after the time that FailAfter intervals take: a service is given that long to come up.
func (c *check) observe(age time.Duration, err error) {
	if err == nil {
		c.passes, c.fails, c.why = c.passes+1, 0, ""
		if c.passes >= c.limits.PassAfter {
			c.verdict = units.HealthPassing
		}
		return
	}
	c.passes, c.fails, c.why = 0, c.fails+1, err.Error()
	if c.verdict == units.HealthNone && age < time.Duration(c.limits.FailAfter)*c.interval {
		return
	}
	if c.fails >= c.limits.FailAfter {
		c.verdict = units.HealthFailing
	}
}

// pause is how long after a try the next one comes.
func (c *check) pause() time.Duration {
	if c.verdict != units.HealthNone {
		return c.interval
	}
	c.quick = min(c.interval, max(firstCheckAfter, 2*c.quick))
	return c.quick
}

// overall is the verdict of all checks together, with the reason of the first that fails or is not
// decided: one that fails decides, and only all together pass.
func overall(checks []*check) (units.Health, string) {
	health, why := units.HealthPassing, ""
	for _, c := range checks {
		switch c.verdict {
		case units.HealthFailing:
			return units.HealthFailing, c.name + ": " + c.why
		case units.HealthNone:
			health = units.HealthNone
			if why == "" && c.why != "" {
				why = c.name + ": " + c.why
			}
		}
	}
	return health, why
}
