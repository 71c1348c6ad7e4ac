package main

import "strings"

// checks keeps the account of a command that prints "ok NAME" or "not ok NAME" after each check, and
// before a "not ok" what is to be said about it.
type checks struct {
	passed   int
	failures []Failure
	said     []string
}

func (c *checks) line(text string) {
	if _, ok := strings.CutPrefix(text, "ok "); ok {
		c.passed++
		c.said = nil
		return
	}
	if name, ok := strings.CutPrefix(text, "not ok "); ok {
		c.failures = append(c.failures, Failure{Name: name, Output: strings.Join(c.said, "\n")})
		c.said = nil
		return
	}
	c.said = append(c.said, text)
}

func (c *checks) result(exit error) (passed int, failures []Failure) {
	if exit != nil && len(c.failures) == 0 {
		c.failures = append(c.failures, Failure{Name: outside("%v", exit), Output: strings.Join(c.said, "\n")})
	}
	return c.passed, c.failures
}
