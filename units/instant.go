package units

import "time"

// Instant is one reading of a machine's two clocks, handed to pure code and to every Step as data.
//
// Wall is for people and for cluster time. Boot is CLOCK_BOOTTIME since the machine's boot: it never
// steps and counts suspend, so every local deadline is made of it. Instants of two machines are never
// compared.
type Instant struct {
	Wall time.Time
	Boot time.Duration
}

// Add returns the instant d later on both clocks.
func (i Instant) Add(d time.Duration) Instant {
	return Instant{Wall: i.Wall.Add(d), Boot: i.Boot + d}
}

// Since returns how much boot time has passed from earlier to i.
func (i Instant) Since(earlier Instant) time.Duration { return i.Boot - earlier.Boot }

// Reached reports whether the boot-time deadline has come.
func (i Instant) Reached(deadline time.Duration) bool { return i.Boot >= deadline }
