package systemd

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheControlGroupsOfSystemdAreFoundWhereverItRuns(t *testing.T) {
	const (
		v1     = " shared:9 - cgroup cgroup rw,xattr,name=systemd"
		v2     = " - cgroup2 cgroup2 rw,nsdelegate"
		memory = " - cgroup cgroup rw,memory"
	)
	for _, c := range []struct {
		name   string
		groups []string // of PID 1
		mounts []string // root, mount point below the test's directory and the rest
		dirs   []string
		want   []string
	}{
		{
			"version 2 alone",
			[]string{"0::/init.scope"},
			[]string{"/ cg" + v2},
			[]string{"cg"},
			[]string{"cg"},
		},
		{
			"the hybrid layout",
			[]string{"9:name=systemd:/init.scope", "4:memory:/", "0::/init.scope"},
			[]string{"/ cg/systemd" + v1, "/ cg/memory" + memory, "/ cg/unified" + v2},
			[]string{"cg/systemd", "cg/unified", "cg/memory"},
			[]string{"cg/systemd", "cg/unified"},
		},
		{
			"a container without a namespace of its own, which sees the whole hierarchy",
			[]string{"9:name=systemd:/lab-1/init.scope", "0::/lab-1/init.scope"},
			[]string{"/ cg/systemd" + v1, "/lab-1 cg/systemd/lab-1" + v1, "/ cg/unified" + v2},
			[]string{"cg/systemd/lab-1", "cg/unified/lab-1"},
			[]string{"cg/systemd/lab-1", "cg/unified/lab-1"},
		},
		{
			"a container that sees its own part alone",
			[]string{"9:name=systemd:/lab-1/init.scope"},
			[]string{"/lab-2 cg/other" + v1, `/lab-1 with\040blank` + v1},
			[]string{"with blank", "cg/other"},
			[]string{"with blank"},
		},
		{
			"a part that is not there is none",
			[]string{"9:name=systemd:/init.scope", "0::/init.scope"},
			[]string{"/ cg/systemd" + v1, "/ cg/unified" + v2},
			[]string{"cg/systemd"},
			[]string{"cg/systemd"},
		},
		{
			"nothing is mounted",
			[]string{"0::/init.scope"},
			nil, nil, nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			top := t.TempDir()
			for _, dir := range append(c.dirs, "proc/1", "proc/self") {
				if err := os.MkdirAll(filepath.Join(top, dir), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			var mountinfo strings.Builder
			for _, m := range c.mounts {
				root, rest, _ := strings.Cut(m, " ")
				mountinfo.WriteString("36 25 0:33 " + root + " " + top + "/" + strings.Replace(rest, " ", " rw,nosuid ", 1) + "\n")
			}
			for file, text := range map[string]string{
				"proc/1/cgroup": strings.Join(c.groups, "\n") + "\n", "proc/self/mountinfo": mountinfo.String(),
			} {
				if err := os.WriteFile(filepath.Join(top, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := hierarchies(filepath.Join(top, "proc"))
			for i := range got {
				got[i], _ = filepath.Rel(top, got[i])
			}
			if diff := cmp.Diff(c.want, got); diff != "" || (err == nil) != (len(c.want) > 0) {
				t.Errorf("%v, %s", err, diff)
			}
			if len(c.want) == 0 && !errors.Is(err, errNoHierarchy) {
				t.Errorf("said %v", err)
			}
		})
	}
}
