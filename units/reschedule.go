package units

import "time"

// DelayFunction is how the delay between attempts grows.
type DelayFunction string

// The functions: 1, 2, 4, 8 …; 1, 1, 1 …; 1, 1, 2, 3, 5 … times the delay.
const (
	DelayExponential DelayFunction = "exponential"
	DelayConstant    DelayFunction = "constant"
	DelayFibonacci   DelayFunction = "fibonacci"
)

// Reschedule is when a slot whose unit failed gets another attempt, on whichever node.
type Reschedule struct {
	Delay    time.Duration
	Function DelayFunction
	MaxDelay time.Duration
	Attempts *int // nil: unlimited
}

// After returns how long to wait after so many failures in a row, and whether there is another attempt
// at all. It never falls as failures rise, and is at most MaxDelay. No failure, no delay.
func (r Reschedule) After(failures int) (delay time.Duration, again bool) {
	if failures <= 0 {
		return 0, true
	}
	if r.Attempts != nil && failures > *r.Attempts {
		return 0, false
	}
	before, delay := time.Duration(0), min(r.Delay, r.MaxDelay)
	for range failures - 1 {
		next := delay
		switch r.Function {
		case DelayExponential:
			next = 2 * delay
		case DelayFibonacci:
			next = before + delay
		}
		if next > r.MaxDelay {
			return r.MaxDelay, true
		}
		if next == delay && r.Function != DelayFibonacci {
			return delay, true
		}
		before, delay = delay, next
	}
	return delay, true
}
