package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nsched/nsched/units"
)

func TestAnOlderVersionLosesNothingOfANewerOne(t *testing.T) {
	for name, c := range map[string]struct {
		value string
		edit  func(*units.Intent)
		want  string
	}{
		"an unknown field at the top": {
			`{"v":1,"count":1,"generation":2,"future":{"a":[1, 2]}}`,
			func(i *units.Intent) { i.Count = 5 },
			`{"v":1,"count":5,"future":{"a":[1, 2]},"generation":2}`,
		},
		"an unknown field further in": {
			`{"v":1,"generation":2,"count":1,"restart":{"n":1,"grace":"5s"}}`,
			func(i *units.Intent) { i.Restart.N = 2 },
			`{"v":1,"count":1,"generation":2,"restart":{"grace":"5s","n":2}}`,
		},
		"an unknown field of a part that is zero for this version": {
			`{"v":1,"generation":2,"count":1,"restart":{"grace":"5s"}}`,
			func(i *units.Intent) { i.Count = 3 },
			`{"v":1,"count":3,"generation":2,"restart":{"grace":"5s"}}`,
		},
		"nothing unknown": {
			` { "count" : 1 , "generation" : 2 , "v" : 1 } `,
			func(i *units.Intent) { i.Count = 3 },
			`{"v":1,"generation":2,"count":3}`,
		},
		"a name with an escape": {
			`{"v":1,"generation":2,"count":1,"fut\u0075re\n":"\"}"}`,
			func(*units.Intent) {},
			`{"v":1,"count":1,"future\n":"\"}","generation":2}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			intent, extra, err := Decode[units.Intent]("k", []byte(c.value))
			if err != nil {
				t.Fatal(err)
			}
			c.edit(&intent)
			got, err := Encode(intent, extra)
			if err != nil || string(got) != c.want {
				t.Fatalf("got  %s, %v\nwant %s", got, err, c.want)
			}
		})
	}
}

func TestUnknownFieldsOfAnEntryGoWithTheEntry(t *testing.T) {
	slots, extra, err := Decode[units.Slots]("k", []byte(
		`{"v":1,"slots":{"0":{"attempt":1,"x":1},"1":{"attempt":2,"y":2}}}`))
	if err != nil {
		t.Fatal(err)
	}
	delete(slots.Slots, "0")
	got, err := Encode(slots, extra)
	want := `{"v":1,"slots":{"1":{"attempt":2,"y":2}}}`
	if err != nil || string(got) != want {
		t.Fatalf("got %s, %v", got, err)
	}
}

func TestWhatCannotBeReadNamesItsKey(t *testing.T) {
	for name, value := range map[string]string{
		"nothing":                        ``,
		"no JSON":                        `hello`,
		"null":                           `null`,
		"an array":                       `[]`,
		"a string":                       `"{}"`,
		"two documents":                  `{"v":1} {"v":1}`,
		"no version":                     `{"count":1}`,
		"a version of the future":        `{"v":2,"count":1}`,
		"a version that is a string":     `{"v":"1"}`,
		"a version that is a float":      `{"v":1.0}`,
		"a field of another type":        `{"v":1,"count":"many"}`,
		"a known field in capitals":      `{"v":1,"Count":7}`,
		"a known field's look-alike":     "{\"v\":1,\"re\u017ftart\":{}}",
		"a look-alike further in":        `{"v":1,"restart":{"N":1}}`,
		"more bytes than a value may be": `{"v":1,"x":"` + strings.Repeat("x", ValueLimit) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			got, extra, err := Decode[units.Intent]("/nsched/apps/a/b", []byte(value))
			if !errors.Is(err, ErrUndecodable) || !strings.Contains(err.Error(), "/nsched/apps/a/b") {
				t.Fatalf("got %v", err)
			}
			if got != (units.Intent{}) || !extra.IsZero() {
				t.Fatalf("got %+v and %+v beside the error", got, extra)
			}
		})
	}
}

// A hand's cluster or clock that was JSON, and said nothing, was an etcd that had gone back to every node and
// scheduler: they held until a person acknowledged a restore that never was, and every guard gave up its tenure.
func TestAClusterOrAClockThatSaysNothingCannotBeRead(t *testing.T) {
	keys, err := NewKeys("")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ key, value, why string }{
		"a cluster of nothing":          {keys.Cluster(), `{"v":1}`, `it has no "id"`},
		"a cluster without an id":       {keys.Cluster(), `{"v":1,"epoch":1,"schema":1}`, `it has no "id"`},
		"a cluster whose id is empty":   {keys.Cluster(), `{"v":1,"id":"","epoch":1}`, `it has no "id"`},
		"a cluster without an epoch":    {keys.Cluster(), `{"v":1,"id":"c"}`, `its "epoch" is less than 1`},
		"a clock of nothing":            {keys.Clock(), `{"v":1}`, `its "n" is less than 1`},
		"a clock that was set to begin": {keys.Clock(), `{"v":1,"n":0,"timeMs":5}`, `its "n" is less than 1`},
	} {
		t.Run(name, func(t *testing.T) {
			item, err := keys.Decode(KeyValue{Key: c.key, Value: []byte(c.value)})
			if !errors.Is(err, ErrUndecodable) || !strings.HasSuffix(err.Error(), c.why) {
				t.Errorf("got %+v, %v", item.Decoded, err)
			}
		})
	}
}

func TestOnlyObjectsAreEncoded(t *testing.T) {
	if b, err := Encode([]int{1}, Extra{}); err == nil {
		t.Fatalf("got %s", b)
	}
	if b, err := Encode(struct{}{}, Extra{}); err != nil || string(b) != `{"v":1}` {
		t.Fatalf("got %s, %v", b, err)
	}
}

// FuzzDecode asserts that decoding never panics, that what was decoded is written in a form that is
// decoded to the same, and that no unknown field at the top is lost.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"v":1}`, `{"v":1,"slots":{"0":{"attempt":1,"x":{"y":[{}]}}}}`, `{"v":1,"slots":null,"z":"\u2028<\\\""}`,
		`{"v":1,"v":1,"a":1e9,"a":[]}`, `{"v":1,"slots":{"0":{"attempt":1},"0":{"x":1}}}`, "{\"v\":1,\"\xff\":\"\xff\"}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		slots, extra, err := Decode[units.Slots]("k", value)
		if err != nil {
			if !errors.Is(err, ErrUndecodable) {
				t.Fatalf("%v is no ErrUndecodable", err)
			}
			return
		}
		written, err := Encode(slots, extra)
		if err != nil {
			t.Fatalf("encode what was decoded: %v", err)
		}
		again, extraAgain, err := Decode[units.Slots]("k", written)
		if err != nil {
			t.Fatalf("decode %s: %v", written, err)
		}
		if diff := cmp.Diff(slots, again); diff != "" {
			t.Fatal(diff)
		}
		twice, err := Encode(again, extraAgain)
		if err != nil || !bytes.Equal(written, twice) {
			t.Fatalf("not stable:\n%s\n%s\n%v", written, twice, err)
		}
		var before, after map[string]json.RawMessage
		if json.Unmarshal(value, &before) != nil || json.Unmarshal(written, &after) != nil {
			t.Fatal("not objects")
		}
		for name := range maps.Keys(before) {
			if _, ok := after[name]; !ok && name != "slots" {
				t.Fatalf("%q was lost from %s", name, value)
			}
		}
	})
}

func TestEncodingIsDeterministicAndDecodesToTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := rapid.MapOf(
			rapid.Custom(func(t *rapid.T) units.Slot { return units.Slot(genLabel().Draw(t, "slot")) }),
			rapid.Custom(func(t *rapid.T) units.SlotRecord {
				return units.SlotRecord{
					Attempt:    units.Attempt(rapid.Int64().Draw(t, "attempt")),
					LastLaunch: rapid.String().Draw(t, "launch"),
				}
			}),
		)
		in := units.Slots{Slots: records.Draw(t, "slots")}
		a, err := Encode(in, Extra{})
		if err != nil {
			t.Fatal(err)
		}
		b, _ := Encode(units.Slots{Slots: maps.Clone(in.Slots)}, Extra{})
		if !bytes.Equal(a, b) {
			t.Fatalf("%s and %s", a, b)
		}
		out, extra, err := Decode[units.Slots]("k", a)
		if err != nil || !extra.IsZero() {
			t.Fatal(err, extra)
		}
		if diff := cmp.Diff(in, out); diff != "" {
			t.Fatal(diff)
		}
	})
}
