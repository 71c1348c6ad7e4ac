package node

import (
	"context"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/nsched/nsched/node/converge"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
)

// A check that has not decided is tried soon and then ever more rarely, so that a service that is up in
// 100 ms is used in 100 ms; once decided it keeps its interval.
const firstCheckAfter = 50 * time.Millisecond

// health starts the checks that are due and returns when the next one is.
func (d *Daemon) health(u *unit, now units.Instant) units.Instant {
	if u.observed.Phase != converge.Running || u.app == nil || u.rec.Ended != nil {
		u.checks, u.checkedFor, u.healthyAt = nil, "", 0
		return units.Instant{}
	}
	if u.checkedFor != u.observed.Invocation || u.checks == nil {
		// A check counts only for the process that it was made against.
		u.checks, u.checkedFor, u.firstCheck = d.checksOf(u), u.observed.Invocation, now.Boot
	}
	if s := u.report.stored; s.Invocation != "" && s.Invocation == u.checkedFor && s.Health == units.HealthPassing {
		// An earlier life of the daemon found this very process healthy.
		for _, c := range u.checks {
			if c.verdict == units.HealthNone {
				c.verdict = units.HealthPassing
			}
		}
	}
	var next units.Instant
	for i, c := range u.checks {
		if c.inFlight {
			continue
		}
		if now.Reached(c.due) {
			d.try(u, i, c)
			continue
		}
		next = loop.Earliest(next, now.Add(c.due-now.Boot))
	}
	return next
}

func (d *Daemon) checksOf(u *unit) []*check {
	checks := make([]*check, 0, 2)
	for i, h := range u.app.HealthChecks.HTTP {
		checks = append(checks, &check{name: "http " + strconv.Itoa(i), interval: h.Interval, timeout: h.Timeout, limits: h.Thresholds})
	}
	for i, t := range u.app.HealthChecks.TCP {
		checks = append(checks, &check{name: "tcp " + strconv.Itoa(i), interval: t.Interval, timeout: t.Timeout, limits: t.Thresholds})
	}
	return checks
}

func (d *Daemon) try(u *unit, i int, c *check) {
	c.inFlight = true
	invocation := u.checkedFor
	probe := d.probe(u, i)
	loop.Go(d.o.Executor, "check", u.rec.ID.String(), func(ctx context.Context) (struct{}, error) {
		ctx, cancel := context.WithTimeout(ctx, c.timeout)
		defer cancel()
		return struct{}{}, probe(ctx)
	}, func(now units.Instant, _ struct{}, err error) {
		c.inFlight = false
		if u.checkedFor != invocation || !slices.Contains(u.checks, c) {
			return
		}
		c.observe(now.Boot-u.firstCheck, err)
		c.due = now.Boot + c.pause()
	})
}

// probe returns one try of the unit's i-th check.
func (d *Daemon) probe(u *unit, i int) func(context.Context) error {
	vars, checks := d.vars(u), u.app.HealthChecks
	if i < len(checks.HTTP) {
		h := checks.HTTP[i]
		target := h.URL
		if target == "" {
			// The path is part of a URL as it stands, with its escapes and its query.
			target = "http://" + net.JoinHostPort(d.address(), d.port(u, h.Port)) + h.Path
		}
		return func(ctx context.Context) error {
			expanded, err := units.Expand(target, vars)
			if err != nil {
				return err
			}
			headers := make(map[string]string, len(h.Headers))
			for name, value := range h.Headers { // order-free: it fills another map
				if headers[name], err = units.Expand(value, vars); err != nil {
					return err
				}
			}
			return d.o.Prober.HTTP(ctx, HTTPProbe{Method: h.Method, URL: expanded, Headers: headers, Status: h.ExpectedStatus})
		}
	}
	t := checks.TCP[i-len(checks.HTTP)]
	address := net.JoinHostPort(d.address(), d.port(u, t.Port))
	return func(ctx context.Context) error { return d.o.Prober.TCP(ctx, address) }
}
