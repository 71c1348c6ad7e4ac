package units_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/units"
)

func TestValuesKeepTheirTextInJSON(t *testing.T) {
	type values struct {
		CPU     units.CPUMilli
		Memory  units.Bytes
		Path    units.StorePath
		State   units.State
		Desired units.Desired
	}
	in := values{CPU: 1500, Memory: 3 << 29, Path: somePath, State: units.StateHealthy, Desired: units.DesiredRun}
	raw, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"CPU":"1500m","Memory":"1536Mi","Path":"` + somePath + `","State":"healthy","Desired":"run"}`
	if diff := cmp.Diff(want, string(raw)); diff != "" {
		t.Fatal(diff)
	}
	var out values
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, out); diff != "" {
		t.Fatal(diff)
	}
	for _, bad := range []string{`{"CPU":"x"}`, `{"CPU":1}`, `{"Memory":"1gb"}`, `{"Path":"./result"}`} {
		if err := json.Unmarshal([]byte(bad), &out); err == nil {
			t.Errorf("%s was decoded", bad)
		}
	}
}

func TestAnAppIsAJSONValue(t *testing.T) {
	type value struct{ App units.App }
	in := value{App: mustParse(t, []byte(full))}
	raw, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out value
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, out); diff != "" {
		t.Fatal(diff)
	}
	if err := json.Unmarshal([]byte(`{"App":{"name":"a"}}`), &out); err == nil {
		t.Fatal("an app without a path was decoded")
	}
	if in.App.ID() != (units.AppID{Namespace: "prod", Name: "full"}) || !in.App.HealthChecks.Any() {
		t.Fatal(in.App.ID())
	}
	if units.Unsupported([]byte(full)) == nil {
		t.Fatal("every field there is has a behaviour: this test and notYet are out of date")
	}
}

func TestSlotsAreWrittenAsTheirIndex(t *testing.T) {
	for index, want := range map[int]units.Slot{0: "0", 99999: "99999"} {
		slot := units.IndexSlot(index)
		if n, ok := slot.Index(); slot != want || n != index || !ok {
			t.Errorf("IndexSlot(%d) = %q, %d, %v", index, slot, n, ok)
		}
		if parsed, err := units.ParseSlot(string(slot)); err != nil || parsed != slot {
			t.Errorf("ParseSlot(%q) = %q, %v", slot, parsed, err)
		}
	}
	for _, other := range []units.Slot{"", "01", "-1", "+1", "node-1", "1700000000-3"} {
		if n, ok := other.Index(); ok {
			t.Errorf("%q is the index %d", other, n)
		}
	}
}
