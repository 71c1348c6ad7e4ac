package systemd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// errNoHierarchy: nothing is mounted in which systemd could track processes.
var errNoHierarchy = errors.New("no control group hierarchy of systemd is mounted")

// hierarchies returns the directories that hold the control groups of systemd's slices: one for the
// hierarchy of version 1 that systemd names, one for version 2, or, in the hybrid layout, both. In a
// container its own part of them is found, whether it has a namespace for control groups or not: where
// PID 1 is, less systemd's own scope.
func hierarchies(proc string) ([]string, error) {
	groups, err := os.ReadFile(filepath.Join(proc, "1/cgroup"))
	if err != nil {
		return nil, fmt.Errorf("find systemd's control groups: %w", err)
	}
	mounts, err := os.ReadFile(filepath.Join(proc, "self/mountinfo"))
	if err != nil {
		return nil, fmt.Errorf("find systemd's control groups: %w", err)
	}
	var bases []string
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3) // id:controllers:path
		if len(parts) != 3 || parts[1] != "" && parts[1] != "name=systemd" {
			continue
		}
		own := filepath.Clean(strings.TrimSuffix(parts[2], "/init.scope") + "/")
		for _, base := range mounted(string(mounts), parts[1], own) {
			if info, err := os.Stat(base); err == nil && info.IsDir() {
				bases = append(bases, base)
				break
			}
		}
	}
	if len(bases) == 0 {
		return nil, errNoHierarchy
	}
	return bases, nil
}

// mounted returns where a control group can be seen in the mounts of its hierarchy; name is "" for version
// 2. See proc_pid_mountinfo(5).
func mounted(mountinfo, name, group string) (dirs []string) {
	const root, point, options = 3, 4, 2
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(strings.TrimSpace(line), " - ")
		mount, super := strings.Fields(before), strings.Fields(after)
		if !ok || len(mount) <= point || len(super) <= options {
			continue
		}
		switch {
		case name == "" && super[0] == "cgroup2":
		case name != "" && super[0] == "cgroup" && strings.Contains(","+super[options]+",", ","+name+","):
		default:
			continue
		}
		below, ok := strings.CutPrefix(group+"/", strings.TrimSuffix(octal.Replace(mount[root]), "/")+"/")
		if ok {
			dirs = append(dirs, filepath.Join(octal.Replace(mount[point]), below))
		}
	}
	return dirs
}

// octal undoes the kernel's escapes in mountinfo.
var octal = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
