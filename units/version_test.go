package units_test

import (
	"errors"
	"testing"

	"github.com/nsched/nsched/units"
)

func TestVersionRanges(t *testing.T) {
	for _, c := range []struct {
		name           string
		strict         bool
		condition      string
		holds, doesNot []string
	}{
		{"a plain version is itself", false, "1.2", []string{"1.2", "1.2.0", "v1.2", "1.2-rc1"}, []string{"1.2.1", "1.3", "1", "x", ""}},
		{"numbers compare as numbers", false, ">= 1.9", []string{"1.10", "1.9", "2", "18446744073709551616"}, []string{"1.8", "1"}},
		{"a kernel's suffix is ignored", false, ">= 6.1, < 6.2", []string{"6.1.0-18-amd64", "6.1.99"}, []string{"6.2.0-rc1", "5.15"}},
		{"the pessimistic operator keeps all but the last", false, "~> 1.2.3", []string{"1.2.3", "1.2.9"}, []string{"1.2.2", "1.3.0", "2.2.3"}},
		{"the pessimistic operator with two numbers", false, "~> 1.2", []string{"1.2", "1.9.9"}, []string{"1.1", "2.0"}},
		{"unequal", false, "!= 1.2", []string{"1.3"}, []string{"1.2.0"}},
		{"at most", false, "<=1", []string{"1", "0.9"}, []string{"1.0.1"}},
		{"semver orders pre-releases", true, "> 1.0.0-rc.1", []string{"1.0.0-rc.2", "1.0.0-rc.10", "1.0.0", "1.0.0-rc.1.1", "1.0.0-x"}, []string{"1.0.0-rc.1", "1.0.0-beta", "1.0.0-1", "1.0"}},
		{"semver ignores the build", true, "= 1.0.0", []string{"1.0.0+a", "1.0.0"}, []string{"1.0.0-a+b", "v1.0.0", "1.0", "01.0.0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := units.ParseVersionRange(c.condition, c.strict)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range c.holds {
				if !r.Holds(v) {
					t.Errorf("%s does not satisfy %s", v, c.condition)
				}
			}
			for _, v := range c.doesNot {
				if r.Holds(v) {
					t.Errorf("%s satisfies %s", v, c.condition)
				}
			}
		})
	}
}

func TestParseVersionRangeRefuses(t *testing.T) {
	for _, c := range []struct {
		name, text string
		strict     bool
	}{
		{"nothing", "", false},
		{"an operator alone", ">=", false},
		{"a word", ">= six", false},
		{"an empty condition", ">= 1,", false},
		{"a hole in the numbers", "1..2", false},
		{"an unknown operator", "=> 1", false},
		{"a pessimistic single number", "~> 1", false},
		{"two numbers for semver", "1.2", true},
		{"a v for semver", "v1.2.3", true},
		{"a leading zero for semver", "1.02.3", true},
		{"a pre-release with a leading zero", "1.2.3-01", true},
		{"an empty pre-release", "1.2.3-", true},
		{"an empty build", "1.2.3+", true},
		{"a pessimistic semver", "~> 1.2.3", true},
	} {
		if _, err := units.ParseVersionRange(c.text, c.strict); !errors.Is(err, units.ErrVersion) {
			t.Errorf("%s: %q gave %v", c.name, c.text, err)
		}
	}
}
