package units

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Matcher returns the constraint as a test of one node's attribute: its value, and whether the node has
// it at all. An attribute that is not there satisfies != and is_not_set alone.
//
// < and their like compare as whole numbers if both sides are, else byte by byte. The distinct
// operators concern several units and have no matcher. A constraint of an App that ParseApp returned
// has one otherwise; else the error wraps ErrInvalid.
func (c Constraint) Matcher() (func(value string, set bool) bool, error) {
	if problem := c.valueProblem(); problem != "" {
		return nil, fmt.Errorf("read constraint %s %s: %w: value %s", c.Attribute, c.Operator, ErrInvalid, problem)
	}
	switch c.Operator {
	case OpIsSet:
		return func(_ string, set bool) bool { return set }, nil
	case OpIsNotSet:
		return func(_ string, set bool) bool { return !set }, nil
	case OpNotEqual:
		return func(value string, set bool) bool { return !set || value != c.Value }, nil
	}
	test, err := c.test()
	if err != nil {
		return nil, fmt.Errorf("read constraint %s %s: %w", c.Attribute, c.Operator, err)
	}
	return func(value string, set bool) bool { return set && test(value) }, nil
}

// test is the operator on a value that is there.
func (c Constraint) test() (func(string) bool, error) {
	switch c.Operator {
	case OpEqual:
		return func(v string) bool { return v == c.Value }, nil
	case OpGreater:
		return func(v string) bool { return compareValues(v, c.Value) > 0 }, nil
	case OpGreaterEqual:
		return func(v string) bool { return compareValues(v, c.Value) >= 0 }, nil
	case OpLess:
		return func(v string) bool { return compareValues(v, c.Value) < 0 }, nil
	case OpLessEqual:
		return func(v string) bool { return compareValues(v, c.Value) <= 0 }, nil
	case OpRegexp:
		expression, err := regexp.Compile(c.Value)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		return expression.MatchString, nil
	case OpVersion, OpSemver:
		versions, err := ParseVersionRange(c.Value, c.Operator == OpSemver)
		return versions.Holds, err
	case OpSetContains, OpSetContainsAny:
		wanted, all := splitSet(c.Value), c.Operator == OpSetContains
		return func(v string) bool {
			have := splitSet(v)
			missing := func(w string) bool { return !slices.Contains(have, w) }
			if all {
				return !slices.ContainsFunc(wanted, missing)
			}
			return slices.ContainsFunc(wanted, func(w string) bool { return !missing(w) })
		}, nil
	}
	return nil, fmt.Errorf("%w: it tests no single attribute", ErrInvalid)
}

func compareValues(a, b string) int {
	m, errA := strconv.ParseInt(a, 10, 64)
	n, errB := strconv.ParseInt(b, 10, 64)
	switch {
	case errA != nil || errB != nil:
		return strings.Compare(a, b)
	case m < n:
		return -1
	case m > n:
		return 1
	}
	return 0
}
