package units

import "time"

// Batch is how a unit that runs to its end may fail.
type Batch struct {
	Retries int
	Timeout time.Duration // 0: none
}

// Periodic launches a batch app by the clock.
type Periodic struct {
	Cron     string // minute, hour, day of month, month, day of week
	TimeZone string
	Overlap  bool // launch although the last launch still runs
}

// Parameterised launches a batch app by dispatch, with values for these keys.
type Parameterised struct {
	Required []string
	Optional []string
}
