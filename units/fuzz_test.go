package units_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/units"
)

// Parsing never panics; what it refuses it explains on one line per problem; what it accepts is what the
// standard decoder and the schema accept too, encodes to a fixed point, and expands.
func FuzzParseApp(f *testing.F) {
	for _, raw := range seeds(f) {
		f.Add(raw)
	}
	for _, raw := range []string{"", "{}", "[", `{"a":{"a":`, "{\"name\":\"\xff\"}", `{"name":"\ud800"}`, `{"name":"a","name":"b"}`, "null", "{} {}"} {
		f.Add([]byte(raw))
	}
	schema := decodeSchema(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		d := units.ReadApp(raw)
		for _, p := range append(slices.Clone(d.Problems), d.NotSupported...) {
			if strings.ContainsAny(p.String(), "\n\r") || !utf8.ValidString(p.String()) {
				t.Fatalf("not one line of text: %q", p)
			}
		}
		app, err := units.ParseApp(raw)
		if (err == nil) != (len(d.Problems) == 0) {
			t.Fatalf("ParseApp says %v, ReadApp %v", err, d.Problems)
		}
		if err != nil {
			if !errors.Is(err, units.ErrInvalid) {
				t.Fatalf("%v is not ErrInvalid", err)
			}
			return
		}
		if !json.Valid(raw) {
			t.Fatal("accepted what is no JSON")
		}
		if problem := violates(schema, decode(t, raw)); problem != "" {
			t.Fatalf("the schema refuses it: %s", problem)
		}
		checkFixedPoint(t, app)
		checkExpands(t, app)
	})
}

func checkFixedPoint(t *testing.T, app units.App) {
	t.Helper()
	once, err := json.Marshal(app)
	if err != nil {
		t.Fatal(err)
	}
	again, err := units.ParseApp(once)
	if err != nil {
		t.Fatalf("refused its own encoding %s:\n%v", once, err)
	}
	if diff := cmp.Diff(app, again); diff != "" {
		t.Fatalf("changed by encoding:\n%s", diff)
	}
	if twice, _ := json.Marshal(again); !bytes.Equal(once, twice) {
		t.Fatalf("encodes differently the second time:\n%s\n%s", once, twice)
	}
	if !units.Same(app, again) || units.Diff(app, again) != nil {
		t.Fatal("differs from itself")
	}
}

func checkExpands(t *testing.T, app units.App) {
	t.Helper()
	vars := units.Vars{Unit: units.UnitID{Namespace: app.Namespace, App: app.Name, Slot: "0", Generation: 1, Attempt: 1}, Ports: map[string]uint16{}}
	for _, p := range app.Ports {
		vars.Ports[p.Name] = max(p.Port, 1)
	}
	texts := slices.Concat(app.Command, app.PreStart, slices.Collect(maps.Values(app.Env)))
	for _, c := range app.HealthChecks.HTTP {
		texts = append(append(texts, c.URL, c.Path), slices.Collect(maps.Values(c.Headers))...)
	}
	for _, c := range app.HealthChecks.Command {
		texts = append(texts, c.Command...)
	}
	for _, text := range texts {
		got, err := units.Expand(text, vars)
		if err != nil {
			t.Fatalf("validated and did not expand: %v", err)
		}
		if strings.Contains(got, "\x00") {
			t.Fatalf("%q has a NUL", got)
		}
	}
}

// Two documents differ exactly if they are not the same, and a diff backwards is the diff turned round.
func FuzzDiff(f *testing.F) {
	docs := seeds(f)
	for i, raw := range docs {
		f.Add(raw, docs[(i+1)%len(docs)])
		f.Add(raw, docs[0])
	}
	f.Fuzz(func(t *testing.T, rawA, rawB []byte) {
		a, errA := units.ParseApp(rawA)
		b, errB := units.ParseApp(rawB)
		if errA != nil || errB != nil {
			return
		}
		forward, backward := units.Diff(a, b), units.Diff(b, a)
		if units.Same(a, b) != (len(forward) == 0) {
			t.Fatalf("Same is %v and Diff %v", units.Same(a, b), forward)
		}
		for i := range backward {
			backward[i].Old, backward[i].New = backward[i].New, backward[i].Old
		}
		if diff := cmp.Diff(forward, backward); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Every byte outside of the literals of path and paths stays, and what is in the store is never touched.
func FuzzResolvePaths(f *testing.F) {
	for _, raw := range seeds(f) {
		f.Add(raw, "./result")
	}
	f.Add([]byte("{\"path\":\"\\u002e/x\", \"paths\":{\"a\":\"b\"}}"), "x")
	f.Fuzz(func(t *testing.T, raw []byte, text string) {
		if quoted, err := json.Marshal(text); err == nil {
			raw = bytes.ReplaceAll(raw, []byte(`"`+somePath+`"`), quoted)
		}
		out, err := units.ResolvePaths(raw, func(string) (units.StorePath, error) { return somePath, nil })
		if err != nil {
			t.Fatal(err)
		}
		before, after := units.PathFields(raw), units.PathFields(out)
		if len(before) != len(after) {
			t.Fatalf("%d paths became %d", len(before), len(after))
		}
		for i, p := range before {
			want := p.Text
			if after[i].Text != want && after[i].Text != somePath || after[i].Path != p.Path {
				t.Fatalf("%s became %s: %q", p.Path, after[i].Path, after[i].Text)
			}
			if units.InStore(want) && after[i].Text != want {
				t.Fatalf("%q was resolved", want)
			}
		}
		again, err := units.ResolvePaths(out, func(text string) (units.StorePath, error) {
			t.Fatalf("%q is resolved twice", text)
			return "", nil
		})
		hasUnresolvable := slices.ContainsFunc(after, func(p units.PathField) bool { return !units.InStore(p.Text) })
		if !hasUnresolvable && (err != nil || !bytes.Equal(again, out)) {
			t.Fatalf("a second pass changed it: %v", err)
		}
		if diff := cmp.Diff(masked(raw, before), masked(out, after)); diff != "" {
			t.Fatalf("other bytes changed:\n%s", diff)
		}
	})
}

// masked removes the fields' literals from a document.
func masked(doc []byte, fields []units.PathField) string {
	var rest []byte
	done := 0
	for _, p := range fields {
		start, end := p.Span()
		rest = append(append(rest, doc[done:start]...), 0)
		done = end
	}
	return string(append(rest, doc[done:]...))
}

// A quantity is written so that it reads back as itself, whatever its spelling was.
func FuzzQuantity(f *testing.F) {
	for _, text := range []string{"", "0", "1", "1.5Gi", "500m", "1e3", "1E", "-1", "9223372036854775807", "0.0009765625Ki", "1gb", "1e-1000", "+.5k"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if b, err := units.ParseBytes(text); err == nil {
			if again, err := units.ParseBytes(b.String()); err != nil || again != b || b < 0 {
				t.Fatalf("%q is %d bytes, written %s, read %d, %v", text, int64(b), b, int64(again), err)
			}
			// Whole bytes are whole CPUs a thousandfold, unless they are too many.
			if c, err := units.ParseCPU(text); err == nil && int64(c) != 1000*int64(b) {
				t.Fatalf("%q is %d bytes and %d thousandths", text, int64(b), int64(c))
			}
		} else if !errors.Is(err, units.ErrQuantity) {
			t.Fatal(err)
		}
		if c, err := units.ParseCPU(text); err == nil {
			if again, err := units.ParseCPU(c.String()); err != nil || again != c || c < 0 {
				t.Fatalf("%q is %d thousandths, written %s, read %d, %v", text, int64(c), c, int64(again), err)
			}
		}
	})
}

// A store path is text in one form, made of its parts and of nothing else.
func FuzzStorePath(f *testing.F) {
	for _, text := range []string{"", somePath, somePath + "/x", somePath + ".drv", units.StoreDir, units.StoreDir + hash + "-..", "/nix/store/" + hash + "-" + strings.Repeat("a", 211)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := units.ParseStorePath(text)
		if err != nil {
			if !errors.Is(err, units.ErrStorePath) || p != "" {
				t.Fatal(p, err)
			}
			return
		}
		if units.StoreDir+p.Hash()+"-"+p.Name() != text || len(p.Hash()) != 32 || len(p.Name()) > 211 {
			t.Fatalf("%q is %q and %q", text, p.Hash(), p.Name())
		}
		if strings.Count(text, "/") != 3 || !units.InStore(text) {
			t.Fatalf("%q is not directly in the store", text)
		}
	})
}

// No two units share a text, a service or a file, and each text leads back to its unit.
func FuzzUnitID(f *testing.F) {
	for _, text := range []string{"", "a.b.0.1.1", "prod.hello.node-1.3.12", "a.b.0.01.1", "a.b.c.d.e", "a.b.0.9223372036854775807.1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := units.ParseUnitID(text)
		if err != nil {
			if !errors.Is(err, units.ErrUnitID) {
				t.Fatal(err)
			}
			return
		}
		if id.String() != text {
			t.Fatalf("%q reads back as %q", text, id)
		}
		if back, err := units.ParseServiceName(id.ServiceName()); err != nil || back != id || len(id.ServiceName()) > 255 {
			t.Fatal(back, err)
		}
		if app, generation, err := units.ParseRootName(units.RootName(id.AppID(), id.Generation)); err != nil || app != id.AppID() || generation != id.Generation {
			t.Fatal(app, generation, err)
		}
		raw, err := json.Marshal(map[units.UnitID]units.AppID{id: id.AppID()})
		if err != nil {
			t.Fatal(err)
		}
		var back map[units.UnitID]units.AppID
		if err := json.Unmarshal(raw, &back); err != nil || back[id] != id.AppID() || id.Compare(id) != 0 {
			t.Fatal(back, err)
		}
	})
}

// Text expands exactly if its variables can be named, and doubled dollars always do.
func FuzzExpand(f *testing.F) {
	for _, text := range []string{"", "$", "$$", "${address}", "${port.http}", "${", "$${a}", "a${unit.id}b$$c", "${port.x}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		names, err := units.Variables(text)
		vars := someVars
		vars.Ports = map[string]uint16{}
		for _, name := range names {
			if port, ok := strings.CutPrefix(name, "port."); ok {
				vars.Ports[port] = 1
			}
		}
		if _, expandErr := units.Expand(text, vars); (err == nil) != (expandErr == nil) {
			t.Fatalf("Variables(%q) says %v, Expand %v", text, err, expandErr)
		}
		got, err := units.Expand(strings.ReplaceAll(text, "$", "$$"), vars)
		if err != nil || got != text {
			t.Fatalf("%q escaped and expanded is %q, %v", text, got, err)
		}
	})
}
