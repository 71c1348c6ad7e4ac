package systemd_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
)

func TestARecordIsReadAsItWasWritten(t *testing.T) {
	records := systemd.NewRecords(filepath.Join(t.TempDir(), "new", "records"))
	text := rapid.StringOf(rapid.Rune().Filter(func(r rune) bool { return r != 0 }))
	rapid.Check(t, func(t *rapid.T) {
		want := systemd.Record{
			V:      systemd.RecordVersion,
			Argv:   append([]string{"/x"}, rapid.SliceOfN(text, 0, 5).Draw(t, "argv")...),
			Env:    []string{"A=" + text.Draw(t, "value")},
			Tenure: rapid.Int64().Draw(t, "tenure"),
			Guard:  "/run/nsched/guard.sock",
		}
		path, err := records.Write(id("app"), want)
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var got systemd.Record
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
	info, err := os.Stat(records.Path(id("app")))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("record has mode %v, %v", info.Mode(), err)
	}
}

func TestABadRecordIsRefusedAndTheOldOneStays(t *testing.T) {
	records := systemd.NewRecords(t.TempDir())
	good := systemd.Record{Argv: []string{"/x"}}
	path, err := records.Write(id("app"), good)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]systemd.Record{
		"nothing to execute":         {},
		"a relative executable":      {Argv: []string{"x"}},
		"a NUL":                      {Argv: []string{"/x", "a\x00b"}},
		"bytes that are no text":     {Argv: []string{"/x"}, Env: []string{"A=\xff"}},
		"a variable without a name":  {Argv: []string{"/x"}, Env: []string{"=x"}},
		"a variable without a value": {Argv: []string{"/x"}, Env: []string{"A"}},
		"a tenure without a guard":   {Argv: []string{"/x"}, Tenure: 1},
		"more than systemd takes":    {Argv: []string{"/x", strings.Repeat("x", systemd.RecordLimit)}},
	} {
		if _, err := records.Write(id("app"), bad); !errors.Is(err, systemd.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := records.Write(units.UnitID{Namespace: "../x"}, good); !errors.Is(err, units.ErrUnitID) {
		t.Errorf("a unit that is none: %v", err)
	}
	after, err := os.ReadFile(path)
	if diff := cmp.Diff(string(before), string(after)); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if names := dirNames(t, filepath.Dir(path)); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
}

func TestSweepingRecordsKeepsWhatIsNamedAndWhatIsNotOurs(t *testing.T) {
	dir := t.TempDir()
	records := systemd.NewRecords(dir)
	for _, app := range []string{"a", "b", "c"} {
		if _, err := records.Write(id(app), systemd.Record{Argv: []string{"/x"}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{".new-123", "README", "x.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := records.Sweep(map[units.UnitID]bool{id("b"): true}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := records.List()
	if diff := cmp.Diff([]units.UnitID{id("b")}, list); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if diff := cmp.Diff([]string{"README", filepath.Base(records.Path(id("b"))), "x.json"}, dirNames(t, dir)); diff != "" {
		t.Error(diff)
	}
	for range 2 {
		if err := records.Remove(id("b")); err != nil {
			t.Error(err)
		}
	}
}

func TestNoDirectoryIsNoRecords(t *testing.T) {
	records := systemd.NewRecords(filepath.Join(t.TempDir(), "none"))
	if list, err := records.List(); list != nil || err != nil {
		t.Errorf("listed %v, %v", list, err)
	}
	if err := records.Sweep(nil); err != nil {
		t.Error(err)
	}
}

func TestAShimIsCopiedUnderItsHash(t *testing.T) {
	dir, source := t.TempDir(), filepath.Join(t.TempDir(), "shim")
	shims := systemd.NewShims(filepath.Join(dir, "exec"))
	install := func(content string) string {
		t.Helper()
		if err := os.WriteFile(source, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		path, err := shims.Install(source)
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		info, statErr := os.Stat(path)
		if err != nil || statErr != nil || string(data) != content || info.Mode() != 0o755 {
			t.Errorf("copy is %q, %v, %v", data, info, err)
		}
		return path
	}
	first, second := install("one"), install("two")
	if first == second || install("one") != first {
		t.Errorf("copies are at %s and %s", first, second)
	}
	if err := os.WriteFile(second, []byte("tw"), 0o755); err != nil { // a loss of power
		t.Fatal(err)
	}
	install("two")
	for range 2 {
		if err := shims.Sweep(map[string]bool{second: true}); err != nil {
			t.Fatal(err)
		}
	}
	if names := dirNames(t, filepath.Join(dir, "exec")); len(names) != 1 || !strings.Contains(second, names[0]) {
		t.Errorf("kept %v", names)
	}
}

func TestAShimThatIsNotThereIsToldAndNothingIsMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "exec")
	if _, err := systemd.NewShims(dir).Install("/nowhere"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("install said %v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a directory was made")
	}
}

func dirNames(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
