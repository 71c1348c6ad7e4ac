package units

import (
	"cmp"
	"fmt"
	"strings"
)

// VersionRange is a list of conditions on a version, all of which must hold: ">= 1.2, < 2".
type VersionRange struct {
	strict bool
	bounds []versionBound
}

type versionBound struct {
	operator string
	version  version
}

// version is numbers and what follows the dash.
type version struct {
	numbers    []string // without leading zeros
	prerelease []string
}

// rangeOperators are tried in this order, the longer first.
var rangeOperators = []string{">=", "<=", "!=", "~>", "=", ">", "<"}

// ParseVersionRange reads conditions between commas, each an operator (= != > >= < <= or ~>, none
// meaning =) and a version.
//
// Strict is semver: three numbers, and a pre-release ("-rc.1") precedes its release. Not strict, a version
// has any number of numbers, may begin with v, missing ones count as 0, and what follows a dash is
// ignored, so that the kernel 6.1.0-18-amd64 is 6.1.0. "~> 1.2.3" is ">= 1.2.3, < 1.3"; semver has no ~>.
// The error wraps ErrVersion.
func ParseVersionRange(text string, strict bool) (VersionRange, error) {
	r := VersionRange{strict: strict}
	for _, part := range strings.Split(text, ",") {
		part = strings.TrimSpace(part)
		operator := "="
		for _, o := range rangeOperators {
			if rest, found := strings.CutPrefix(part, o); found {
				operator, part = o, strings.TrimSpace(rest)
				break
			}
		}
		v, ok := parseVersion(part, strict)
		if !ok || strict && operator == "~>" || operator == "~>" && len(v.numbers) < 2 {
			return VersionRange{}, fmt.Errorf("%s is %w condition; write such as \">= 1.2.0, < 2.0.0\"", quote(text), ErrVersion)
		}
		r.bounds = append(r.bounds, versionBound{operator: operator, version: v})
	}
	return r, nil
}

func parseVersion(text string, strict bool) (v version, ok bool) {
	if !strict {
		text = strings.TrimPrefix(text, "v")
	}
	text, build, hasBuild := strings.Cut(text, "+")
	text, prerelease, hasPrerelease := strings.Cut(text, "-")
	for _, number := range strings.Split(text, ".") {
		if number == "" || strings.Trim(number, "0123456789") != "" || strict && number != "0" && number[0] == '0' {
			return version{}, false
		}
		v.numbers = append(v.numbers, strings.TrimLeft(number, "0"))
	}
	if !strict {
		return v, true
	}
	if hasPrerelease {
		v.prerelease = strings.Split(prerelease, ".")
	}
	ok = len(v.numbers) == 3 && (!hasBuild || identifiers(strings.Split(build, "."), false))
	return v, ok && identifiers(v.prerelease, true)
}

// identifiers reports whether all are semver's: letters, digits and dashes, numbers without leading
// zeros where they are compared.
func identifiers(parts []string, compared bool) bool {
	for _, p := range parts {
		if p == "" || compared && isNumeric(p) && len(p) > 1 && p[0] == '0' {
			return false
		}
		for i := range len(p) {
			if !isLetter(p[i]) && !isDigit(p[i]) && p[i] != '-' {
				return false
			}
		}
	}
	return true
}

func isNumeric(text string) bool { return strings.Trim(text, "0123456789") == "" }

// Holds reports whether a version satisfies every condition. Text that is no version satisfies none.
func (r VersionRange) Holds(text string) bool {
	v, ok := parseVersion(text, r.strict)
	if !ok {
		return false
	}
	for _, b := range r.bounds {
		if !b.holds(v) {
			return false
		}
	}
	return true
}

func (b versionBound) holds(v version) bool {
	order := v.compare(b.version)
	switch b.operator {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	}
	fixed := b.version.numbers[:len(b.version.numbers)-1] // ~>: these may not change
	for i, number := range fixed {
		if compareNumbers(numberAt(v.numbers, i), number) != 0 {
			return false
		}
	}
	return order >= 0
}

// compare is semver's precedence, over any number of numbers.
func (v version) compare(w version) int {
	for i := range max(len(v.numbers), len(w.numbers)) {
		if order := compareNumbers(numberAt(v.numbers, i), numberAt(w.numbers, i)); order != 0 {
			return order
		}
	}
	if len(v.prerelease) == 0 || len(w.prerelease) == 0 {
		return cmp.Compare(len(w.prerelease), len(v.prerelease)) // a release follows its pre-releases
	}
	for i := range min(len(v.prerelease), len(w.prerelease)) {
		a, b := v.prerelease[i], w.prerelease[i]
		order := strings.Compare(a, b)
		switch {
		case isNumeric(a) && isNumeric(b):
			order = compareNumbers(a, b)
		case isNumeric(a):
			order = -1
		case isNumeric(b):
			order = 1
		}
		if order != 0 {
			return order
		}
	}
	return cmp.Compare(len(v.prerelease), len(w.prerelease))
}

func numberAt(numbers []string, i int) string {
	if i < len(numbers) {
		return numbers[i]
	}
	return ""
}

// compareNumbers compares decimals of any length without leading zeros; "" is 0 here.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}
