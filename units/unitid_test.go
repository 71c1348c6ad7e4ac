package units_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/units"
)

func TestUnitIDHasOneSpelling(t *testing.T) {
	id := units.UnitID{Namespace: "prod", App: "hello", Slot: "0", Generation: 3, Attempt: 12}
	if got, want := id.String(), "prod.hello.0.3.12"; got != want {
		t.Fatalf("String() = %q, want %q", got, want)
	}
	parsed, err := units.ParseUnitID("prod.hello.0.3.12")
	if err != nil || parsed != id {
		t.Fatalf("ParseUnitID = %v, %v", parsed, err)
	}
	if id.AppID() != (units.AppID{Namespace: "prod", Name: "hello"}) {
		t.Fatalf("AppID() = %v", id.AppID())
	}
}

func TestParseUnitIDRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                      "",
		"too few parts":                "a.b.0.1",
		"too many parts":               "a.b.0.1.1.1",
		"an empty namespace":           ".b.0.1.1",
		"upper case":                   "A.b.0.1.1",
		"a slash":                      "a.b/c.0.1.1",
		"generation 0":                 "a.b.0.0.1",
		"attempt 0":                    "a.b.0.1.0",
		"a leading zero":               "a.b.0.01.1",
		"a sign":                       "a.b.0.+1.1",
		"a negative attempt":           "a.b.0.1.-1",
		"a number beyond 63 bits":      "a.b.0.1.9223372036854775808",
		"a label that begins with -":   "-a.b.0.1.1",
		"a label of 64 characters":     strings.Repeat("a", 64) + ".b.0.1.1",
		"a newline after the attempt":  "a.b.0.1.1\n",
		"a service name, not its unit": "nsched.a.b.0.1.1.service",
	} {
		if id, err := units.ParseUnitID(text); !errors.Is(err, units.ErrUnitID) {
			t.Errorf("%s: ParseUnitID(%q) = %v, %v", name, text, id, err)
		}
	}
}

func TestUnitIDsAreJSONKeysAndValues(t *testing.T) {
	type value struct {
		One  units.UnitID
		Many map[units.UnitID]units.AppID
	}
	id := units.UnitID{Namespace: "a", App: "b", Slot: "node-1", Generation: 1, Attempt: 1}
	in := value{One: id, Many: map[units.UnitID]units.AppID{id: id.AppID()}}
	raw, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"One":"a.b.node-1.1.1","Many":{"a.b.node-1.1.1":"a/b"}}`; string(raw) != want {
		t.Fatalf("encoded %s, want %s", raw, want)
	}
	var out value
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, out); diff != "" {
		t.Fatal(diff)
	}
	for _, bad := range []string{`{"One":"a.b.0.1"}`, `{"Many":{"x":"a/b"}}`, `{"Many":{"a.b.0.1.1":"b"}}`} {
		if err := json.Unmarshal([]byte(bad), &out); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
	if _, err := json.Marshal(units.UnitID{}); err == nil {
		t.Error("a unit without a name was encoded")
	}
	if _, err := json.Marshal(units.AppID{Namespace: "a.b", Name: "c"}); err == nil {
		t.Error("an app with a dot in its namespace was encoded")
	}
}

func TestUnitsSortByNumberWhereTheyAreNumbered(t *testing.T) {
	want := []string{"a.b.0.1.1", "a.b.2.1.1", "a.b.10.1.1", "a.b.10.1.2", "a.b.10.2.1", "a.b.node-1.1.1", "a.c.0.1.1", "b.a.0.1.1"}
	ids := make([]units.UnitID, len(want))
	for i, text := range want {
		ids[len(want)-1-i], _ = units.ParseUnitID(text)
	}
	slices.SortFunc(ids, units.UnitID.Compare)
	for i, id := range ids {
		if id.String() != want[i] {
			t.Fatalf("position %d is %s, want %s", i, id, want[i])
		}
	}
}

func TestParseAppID(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       units.AppID
		fails      bool
	}{
		{name: "a bare name is in the namespace given", text: "hello", want: units.AppID{Namespace: "prod", Name: "hello"}},
		{name: "a namespace in the text wins", text: "dev/hello", want: units.AppID{Namespace: "dev", Name: "hello"}},
		{name: "an empty namespace is refused", text: "/hello", fails: true},
		{name: "an empty name is refused", text: "dev/", fails: true},
		{name: "two slashes are refused", text: "a/b/c", fails: true},
		{name: "a dot is refused", text: "a.b", fails: true},
		{name: "nothing is refused", text: "", fails: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := units.ParseAppID(c.text, "prod")
			if c.fails != errors.Is(err, units.ErrAppID) || got != c.want {
				t.Fatalf("ParseAppID(%q) = %v, %v", c.text, got, err)
			}
		})
	}
}

func TestNamesAreLabels(t *testing.T) {
	for name, text := range map[string]string{
		"a letter": "a", "a digit": "0", "a dash inside": "a-b", "63 characters": strings.Repeat("x", 63),
	} {
		if _, err := units.ParseNodeName(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"nothing": "", "a dot": "a.b", "a slash": "a/b", "upper case": "Hello", "a space": "a b", "an underscore": "a_b",
		"a dash first": "-a", "a dash last": "a-", "64 characters": strings.Repeat("x", 64), "300 characters": strings.Repeat("x", 300),
		"a letter beyond ASCII": "höllo", "a newline": "a\n", "NUL": "a\x00",
	} {
		_, errs := units.ParseNamespace(text)
		if !errors.Is(errs, units.ErrName) {
			t.Errorf("%s: ParseNamespace(%q) = %v", name, text, errs)
		}
		if strings.ContainsAny(errs.Error(), "\n\x00") {
			t.Errorf("%s: the message is not one line: %q", name, errs)
		}
	}
}

func TestSystemdNames(t *testing.T) {
	id, _ := units.ParseUnitID("prod.hello.0.3.12")
	if got, want := id.ServiceName(), "nsched.prod.hello.0.3.12.service"; got != want {
		t.Errorf("ServiceName() = %q, want %q", got, want)
	}
	if back, err := units.ParseServiceName(id.ServiceName()); err != nil || back != id {
		t.Errorf("ParseServiceName = %v, %v", back, err)
	}
	for _, foreign := range []string{"ssh.service", "nsched.service", "nsched-node.service", "nsched.prod.hello.0.3.12", "nsched.a.b.service"} {
		if _, err := units.ParseServiceName(foreign); err == nil {
			t.Errorf("%s was taken for one of ours", foreign)
		}
	}
	if got, want := units.SliceName("my-team-a"), `nsched-my\x2dteam\x2da.slice`; got != want {
		t.Errorf("SliceName = %q, want %q", got, want)
	}
	if got, want := units.RootName(id.AppID(), 3), "prod.hello.3"; got != want {
		t.Errorf("RootName = %q, want %q", got, want)
	}
	if app, generation, err := units.ParseRootName("prod.hello.3"); err != nil || app != id.AppID() || generation != 3 {
		t.Errorf("ParseRootName = %v, %v, %v", app, generation, err)
	}
	for _, bad := range []string{"", "prod.hello", "prod.hello.0", "prod.hello.03", "prod.hello.3.1", "Prod.hello.3", "prod.hello.3~"} {
		if _, _, err := units.ParseRootName(bad); err == nil {
			t.Errorf("root %q was accepted", bad)
		}
	}
}

func TestOrdinalOfASlot(t *testing.T) {
	for _, c := range []struct {
		name string
		slot units.Slot
		kind units.AppType
		want string
	}{
		{"a service's slot is its index", "7", units.TypeService, "7"},
		{"a system app has one unit per node", "node-7", units.TypeSystem, "0"},
		{"a periodic slot ends with its index", "1700000000-3", units.TypeBatch, "3"},
	} {
		if got := c.slot.Ordinal(c.kind); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
