package looptest

// Choices is one path through everything that may happen.
type Choices struct {
	picks  []int
	limits []int
	at     int
}

// Pick returns a number below n. Explore calls its function again for each number.
func (c *Choices) Pick(n int) int {
	if c.at == len(c.picks) {
		c.picks = append(c.picks, 0)
		c.limits = append(c.limits, n)
	}
	c.limits[c.at] = n
	c.at++
	return c.picks[c.at-1]
}

// Path returns the numbers picked so far, to tell a path that went wrong.
func (c *Choices) Path() []int { return c.picks[:c.at] }

// Explore calls run for every path of choices, depth first, until one returns false, and returns how many
// paths there were. run must pick the same way when it is given the same numbers.
func Explore(run func(*Choices) bool) int {
	c := &Choices{}
	for paths := 1; ; paths++ {
		c.at = 0
		if !run(c) {
			return paths
		}
		c.picks, c.limits = c.picks[:c.at], c.limits[:c.at]
		for len(c.picks) > 0 && c.picks[len(c.picks)-1] == c.limits[len(c.limits)-1]-1 {
			c.picks, c.limits = c.picks[:len(c.picks)-1], c.limits[:len(c.limits)-1]
		}
		if len(c.picks) == 0 {
			return paths
		}
		c.picks[len(c.picks)-1]++
	}
}
