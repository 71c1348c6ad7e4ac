package units

import (
	"errors"
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

func (j *judge) constraints() {
	for i, c := range j.app.Constraints {
		j.constraint(indexed("constraints", i), c)
	}
}

func (j *judge) affinities() {
	for i, a := range j.app.Affinities {
		at := indexed("affinities", i)
		if a.Operator == OpDistinctHosts || a.Operator == OpDistinctProperty {
			j.report(at+".operator", "%s is for constraints alone", a.Operator)
			continue
		}
		j.constraint(at, a.Constraint)
	}
}

// constraint judges whether operator and value fit each other.
func (j *judge) constraint(at string, c Constraint) {
	if !j.sound(at) {
		return
	}
	if c.Operator == OpDistinctHosts {
		if c.Attribute != "" {
			j.report(at+".attribute", "distinct_hosts has none; distinct_property compares one")
		}
		if c.Value != "" && c.Value != "true" {
			j.report(at+".value", "distinct_hosts has none; leave the constraint out to allow equal hosts")
		}
		return
	}
	if c.Attribute == "" {
		j.report(at+".attribute", "is missing; %s compares an attribute of the node", c.Operator)
	}
	if problem := c.valueProblem(); problem != "" {
		j.report(at+".value", "%s", problem)
	}
}

// valueProblem says why the value does not suit the operator; "" if it does.
func (c Constraint) valueProblem() string {
	switch c.Operator {
	case OpIsSet, OpIsNotSet:
		if c.Value != "" {
			return string(c.Operator) + " has none"
		}
		return ""
	case OpDistinctProperty:
		if n, ok := smallNumber(c.Value); c.Value != "" && (!ok || n < 1) {
			return quote(c.Value) + " is not how many units may share a value: 1 to 9999"
		}
		return ""
	}
	if c.Value == "" {
		return "is missing; " + string(c.Operator) + " compares with it"
	}
	switch c.Operator {
	case OpRegexp:
		if _, err := regexp.Compile(c.Value); err != nil {
			why := ""
			if broken := new(syntax.Error); errors.As(err, &broken) {
				why = ": " + broken.Code.String() + " at " + quote(broken.Expr)
			}
			return quote(c.Value) + " is not a regular expression" + why
		}
	case OpVersion, OpSemver:
		if _, err := ParseVersionRange(c.Value, c.Operator == OpSemver); err != nil {
			return err.Error()
		}
	case OpSetContains, OpSetContainsAny:
		if slices.Contains(splitSet(c.Value), "") {
			return quote(c.Value) + " has an empty element; write a,b,c"
		}
	}
	return ""
}

// splitSet reads a set as Nomad writes it: elements between commas, space around them ignored.
func splitSet(text string) []string {
	elements := strings.Split(text, ",")
	for i := range elements {
		elements[i] = strings.TrimSpace(elements[i])
	}
	return elements
}

func (j *judge) spreads() {
	seen := map[string]bool{}
	for i, s := range j.app.Spread {
		at := indexed("spread", i)
		if !j.sound(at) {
			continue
		}
		if seen[s.Attribute] {
			j.report(at+".attribute", "%s is spread over before", quote(s.Attribute))
		}
		seen[s.Attribute] = true
		sum := 0
		for _, value := range slices.Sorted(maps.Keys(s.Targets)) {
			sum += s.Targets[value]
		}
		if sum > 100 {
			j.report(at+".targets", "add up to %d percent", sum)
		}
	}
}
