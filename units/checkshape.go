package units

import "time"

var thresholds = Thresholds{PassAfter: 1, FailAfter: 3}

var thresholdFields = []field[Thresholds]{
	at("passAfter", "How many passes in a row make it pass.", integer[int]{1, 1000}, func(t *Thresholds) *int { return &t.PassAfter }),
	at("failAfter", "How many failures in a row make it fail.", integer[int]{1, 1000}, func(t *Thresholds) *int { return &t.FailAfter }),
}

var healthChecksShape = object[HealthChecks]{fields: []field[HealthChecks]{
	at("systemd", "Units of the node's own that must be active.", listOf[SystemdCheck]{of: systemdCheckShape}, func(h *HealthChecks) *[]SystemdCheck { return &h.Systemd }),
	at("http", "Requests that must be answered as expected.", listOf[HTTPCheck]{of: httpCheckShape}, func(h *HealthChecks) *[]HTTPCheck { return &h.HTTP }),
	at("tcp", "Ports that must accept a connection.", listOf[TCPCheck]{of: tcpCheckShape}, func(h *HealthChecks) *[]TCPCheck { return &h.TCP }),
	at("command", "Commands that must exit with 0.", listOf[CommandCheck]{of: commandCheckShape}, func(h *HealthChecks) *[]CommandCheck { return &h.Command }),
}}

var systemdCheckShape = object[SystemdCheck]{
	defaults: SystemdCheck{Thresholds: thresholds},
	fields: append([]field[SystemdCheck]{
		at("units", "Their names, such as postgresql.service.", listOf[string]{of: text[string]{problem: systemdUnitProblem, pattern: systemdUnitPattern}, min: 1}, func(c *SystemdCheck) *[]string { return &c.Units }).due(),
	}, lift(thresholdFields, func(c *SystemdCheck) *Thresholds { return &c.Thresholds })...),
}

var (
	checkPortShape = text[string]{problem: labelProblem, pattern: labelPattern}
	checkTextShape = text[string]{limit: 2048}
)

var httpCheckShape = object[HTTPCheck]{
	defaults: HTTPCheck{Method: "GET", ExpectedStatus: 200, Interval: 5 * time.Second, Timeout: 3 * time.Second, Thresholds: thresholds},
	fields: append([]field[HTTPCheck]{
		at("port", "Name of a port of the app.", checkPortShape, func(c *HTTPCheck) *string { return &c.Port }),
		at("url", "Whole URL, instead of port and path. Variables are filled in.", checkTextShape, func(c *HTTPCheck) *string { return &c.URL }),
		at("path", "What is asked for, / without it. Variables are filled in.", checkTextShape, func(c *HTTPCheck) *string { return &c.Path }),
		at("method", "How it is asked for.", choice[string]{"GET", "HEAD", "OPTIONS", "POST", "PUT"}, func(c *HTTPCheck) *string { return &c.Method }),
		at("expectedStatus", "The status that passes.", integer[int]{100, 599}, func(c *HTTPCheck) *int { return &c.ExpectedStatus }),
		at("headers", "Sent along. Variables are filled in.", mapOf[string]{key: headerProblem, pattern: headerPattern, of: phrase{text[string]{limit: 4096}}}, func(c *HTTPCheck) *map[string]string { return &c.Headers }),
		at("interval", "From one check to the next.", durationShape, func(c *HTTPCheck) *time.Duration { return &c.Interval }),
		at("timeout", "How long one may take.", durationShape, func(c *HTTPCheck) *time.Duration { return &c.Timeout }),
	}, lift(thresholdFields, func(c *HTTPCheck) *Thresholds { return &c.Thresholds })...),
}

var tcpCheckShape = object[TCPCheck]{
	defaults: TCPCheck{Interval: 5 * time.Second, Timeout: 3 * time.Second, Thresholds: thresholds},
	fields: append([]field[TCPCheck]{
		at("port", "Name of a port of the app.", checkPortShape, func(c *TCPCheck) *string { return &c.Port }).due(),
		at("interval", "From one check to the next.", durationShape, func(c *TCPCheck) *time.Duration { return &c.Interval }),
		at("timeout", "How long one may take.", durationShape, func(c *TCPCheck) *time.Duration { return &c.Timeout }),
	}, lift(thresholdFields, func(c *TCPCheck) *Thresholds { return &c.Thresholds })...),
}

var commandCheckShape = object[CommandCheck]{
	defaults: CommandCheck{Interval: 10 * time.Second, Timeout: 5 * time.Second, Thresholds: thresholds},
	fields: append([]field[CommandCheck]{
		at("name", "What it is called.", labelShape[string](), func(c *CommandCheck) *string { return &c.Name }).due(),
		at("command", "The executable, relative to the path, and its arguments. Variables are filled in.", commandShape, func(c *CommandCheck) *[]string { return &c.Command }).due(),
		at("interval", "From one check to the next.", durationShape, func(c *CommandCheck) *time.Duration { return &c.Interval }),
		at("timeout", "How long one may take.", durationShape, func(c *CommandCheck) *time.Duration { return &c.Timeout }),
	}, lift(thresholdFields, func(c *CommandCheck) *Thresholds { return &c.Thresholds })...),
}

var checkRestartShape = object[CheckRestart]{
	defaults: CheckRestart{Grace: 30 * time.Second},
	fields: []field[CheckRestart]{
		at("limit", "How many failures in a row restart the unit; 0 is never.", integer[int]{0, 1000}, func(c *CheckRestart) *int { return &c.Limit }),
		at("grace", "After a start, in which failures do not count.", durationShape, func(c *CheckRestart) *time.Duration { return &c.Grace }),
	},
}
