package placement

import (
	"strings"
	"testing"

	"github.com/nsched/nsched/units"
)

// The unit that failed is deleted together with the booking of its failure: a person who waited for it
// could read that there had been one, and no longer why.
func TestASlotRemembersWhyItFailed(t *testing.T) {
	p := &planner{state: &State{names: []units.NodeName{"n1"}}}
	long := strings.Repeat("a", longestFailure-1) + "ü and more"
	record := p.book(units.SlotRecord{}, &app{}, &unit{why: units.Reason{Code: units.ReasonExited, Message: long}})
	if want := strings.Repeat("a", longestFailure-1) + "…"; record.Failure.Code != units.ReasonExited || record.Failure.Message != want {
		t.Errorf("the record keeps %+v", record.Failure)
	}
	if got, want := failedSoOften(record), "failed once (exited: "+record.Failure.Message+")"; got != want {
		t.Errorf("it says %q", got)
	}
}
