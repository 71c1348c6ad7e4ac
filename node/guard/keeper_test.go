package guard

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/nsched/nsched/units"
)

func TestAMemoryIsKeptInPlace(t *testing.T) {
	f := File(filepath.Join(t.TempDir(), "run", "guard.json"))
	if m, err := f.Load(); err != nil || m != (Memory{}) {
		t.Fatalf("without a file it is %+v, %v", m, err)
	}
	var before, after syscall.Stat_t
	for i, m := range []Memory{
		{BootID: "b", Lease: 1 << 62, Tenure: 1 << 60, AckedBoot: time.Hour, Cluster: units.Cluster{ID: "c", Epoch: 7, Schema: 1}, Releasing: true},
		{BootID: "b"},
		{},
	} {
		if err := f.Save(m); err != nil {
			t.Fatal(err)
		}
		if got, err := f.Load(); err != nil || got != m {
			t.Errorf("saved %+v, loaded %+v, %v", m, got, err)
		}
		if err := syscall.Stat(string(f), &after); err != nil {
			t.Fatal(err)
		}
		if i > 0 && (after.Ino != before.Ino || after.Size != before.Size || after.Blocks != before.Blocks) {
			t.Errorf("it was file %d of %d bytes, and is %d of %d", before.Ino, before.Size, after.Ino, after.Size)
		}
		before = after
	}
}

func TestAMemoryOfAnOlderGuardIsRead(t *testing.T) {
	f := File(filepath.Join(t.TempDir(), "guard.json"))
	if err := os.WriteFile(string(f), []byte(`{"bootId":"b","lease":5,"tenure":7,"ackedBootNs":9}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if m, err := f.Load(); err != nil || m != (Memory{BootID: "b", Lease: 5, Tenure: 7, AckedBoot: 9}) {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestAMemoryThatWasMadeAndNeverWrittenIsNone(t *testing.T) {
	f := File(filepath.Join(t.TempDir(), "guard.json"))
	if err := os.WriteFile(string(f), make([]byte, memorySize), 0o600); err != nil {
		t.Fatal(err)
	}
	if m, err := f.Load(); err != nil || m != (Memory{}) {
		t.Errorf("%+v, %v", m, err)
	}
}
