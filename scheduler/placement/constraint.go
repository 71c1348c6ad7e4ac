package placement

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nsched/nsched/units"
)

// constraint is one condition on a node's attributes, ready to be asked. The operators mean what
// Nomad's do: an attribute that a node lacks satisfies !=, is_not_set and nothing else.
type constraint struct {
	units.Constraint
	holds func(value string, set bool) bool
}

// distinct limits how many units of the app share a value; perNode is distinct_hosts.
type distinct struct {
	attribute string
	limit     int32
	perNode   bool
}

func (s *Spec) constrain(c units.Constraint) error {
	switch c.Operator {
	case units.OpDistinctHosts:
		wanted, err := parseFlag(c.Value)
		if err == nil && wanted {
			s.distinct = append(s.distinct, distinct{limit: 1, perNode: true})
		}
		return err
	case units.OpDistinctProperty:
		limit := int64(1)
		if c.Value != "" {
			var err error
			if limit, err = strconv.ParseInt(c.Value, 10, 32); err != nil || limit < 1 {
				return fmt.Errorf("read the limit %q: a number from 1 is due", c.Value)
			}
		}
		s.distinct = append(s.distinct, distinct{attribute: c.Attribute, limit: int32(limit)})
		s.ownName = s.ownName || c.Attribute == units.AttributeName
		s.shares = true
		// Who lacks the attribute cannot be told apart by it.
		s.constraints = append(s.constraints, constraint{c, func(_ string, set bool) bool { return set }})
		return nil
	}
	holds, err := predicate(c)
	if err != nil {
		return err
	}
	s.constraints = append(s.constraints, constraint{c, holds})
	s.ownName = s.ownName || c.Attribute == units.AttributeName
	return nil
}

func parseFlag(text string) (bool, error) {
	if text == "" {
		return true, nil
	}
	flag, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("read %q: true or false is due", text)
	}
	return flag, nil
}

var errOperator = errors.New("unknown operator")

func predicate(c units.Constraint) (func(value string, set bool) bool, error) {
	due := c.Value
	switch c.Operator {
	case units.OpEqual:
		return func(v string, set bool) bool { return set && v == due }, nil
	case units.OpNotEqual:
		return func(v string, set bool) bool { return !set || v != due }, nil
	case units.OpIsSet:
		return func(_ string, set bool) bool { return set }, nil
	case units.OpIsNotSet:
		return func(_ string, set bool) bool { return !set }, nil
	case units.OpGreater, units.OpGreaterEqual, units.OpLess, units.OpLessEqual:
		return func(v string, set bool) bool { return set && ordered(compareValues(v, due), c.Operator) }, nil
	case units.OpRegexp:
		re, err := regexp.Compile(due)
		if err != nil {
			return nil, fmt.Errorf("read the regular expression: %w", err)
		}
		return func(v string, set bool) bool { return set && re.MatchString(v) }, nil
	case units.OpVersion, units.OpSemver:
		r, err := units.ParseVersionRange(due, c.Operator == units.OpSemver)
		if err != nil {
			return nil, fmt.Errorf("read the version: %w", err)
		}
		return func(v string, set bool) bool { return set && r.Holds(v) }, nil
	case units.OpSetContains:
		all := members(due)
		return func(v string, set bool) bool {
			have := members(v)
			return set && !slices.ContainsFunc(all, func(m string) bool { return !slices.Contains(have, m) })
		}, nil
	case units.OpSetContainsAny:
		some := members(due)
		return func(v string, set bool) bool {
			have := members(v)
			return set && slices.ContainsFunc(some, func(m string) bool { return slices.Contains(have, m) })
		}, nil
	}
	return nil, fmt.Errorf("read %q: %w", c.Operator, errOperator)
}

// members reads a set: its members between commas.
func members(text string) []string {
	list := strings.Split(text, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// compareValues orders two values as whole numbers or else as decimals where both are such, and else as
// text, as Nomad does.
func compareValues(a, b string) int {
	if m, err := strconv.ParseInt(a, 10, 64); err == nil {
		if n, err := strconv.ParseInt(b, 10, 64); err == nil {
			return cmp.Compare(m, n)
		}
	}
	if m, err := strconv.ParseFloat(a, 64); err == nil {
		if n, err := strconv.ParseFloat(b, 64); err == nil {
			return cmp.Compare(m, n)
		}
	}
	return strings.Compare(a, b)
}

func ordered(order int, operator units.Comparison) bool {
	switch operator {
	case units.OpGreater:
		return order > 0
	case units.OpGreaterEqual:
		return order >= 0
	case units.OpLess:
		return order < 0
	}
	return order <= 0
}

// describe says a constraint as a person wrote it.
func describe(c units.Constraint) string {
	return strings.Join(slices.DeleteFunc([]string{c.Attribute, string(c.Operator), c.Value}, func(s string) bool { return s == "" }), " ")
}
