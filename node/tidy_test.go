package node

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/units"
)

func TestSweepKeepsWhatLoadedUnitsNameAndTheShimInUse(t *testing.T) {
	dir := t.TempDir()
	shim := filepath.Join(dir, "nsched-exec")
	install := func(text string) string {
		t.Helper()
		if err := os.WriteFile(shim, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		path, err := systemd.NewShims(filepath.Join(dir, "exec")).Install(shim)
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	f := ShimFiles{
		Records: systemd.NewRecords(filepath.Join(dir, "records")), Shims: systemd.NewShims(filepath.Join(dir, "exec")), Shim: shim,
	}
	unused, loaded := install("first"), install("second")
	unit := func(slot units.Slot) units.UnitID {
		return units.UnitID{Namespace: "default", App: "a", Slot: slot, Generation: 1, Attempt: 1}
	}
	var inUse string
	if err := os.WriteFile(shim, []byte("third"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, slot := range []units.Slot{"0", "1"} {
		var err error
		if _, inUse, err = f.Put(unit(slot), systemd.Record{Argv: []string{"/bin/true"}}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := f.Sweep([]units.UnitID{unit("1")}, []string{loaded}); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]bool{
		unused: false, loaded: true, inUse: true, f.Records.Path(unit("0")): false, f.Records.Path(unit("1")): true,
	} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
}
