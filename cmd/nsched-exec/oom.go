package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// probeOOM is the argument that asks for the probe, exitOOM its answer for yes.
const (
	probeOOM = "probe-oom"
	exitOOM  = 9
)

const memoryHierarchy = "/sys/fs/cgroup/memory"

// probe reads whether the kernel killed a process of this control group. systemd before and after 252
// reads that from cgroup v2 alone, so that on v1 such a death looks like any other SIGKILL.
func probe() int {
	table, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0
	}
	// A cgroup namespace or a bind mount may shift the path; what cannot be read is no evidence.
	control, err := os.ReadFile(filepath.Join(memoryHierarchy, memoryGroup(string(table)), "memory.oom_control"))
	if err != nil || oomKills(control) == 0 {
		return 0
	}
	return exitOOM
}

// memoryGroup returns the path of the v1 memory controller's line, "7:memory:/a/b".
func memoryGroup(table string) string {
	for line := range strings.Lines(table) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		for controller := range strings.SplitSeq(parts[1], ",") {
			if controller == "memory" {
				return parts[2]
			}
		}
	}
	return "/"
}

// oomKills returns the oom_kill counter of memory.oom_control.
func oomKills(control []byte) int {
	for line := range bytes.Lines(control) {
		if n, ok := bytes.CutPrefix(line, []byte("oom_kill ")); ok {
			kills, _ := strconv.Atoi(string(bytes.TrimSpace(n)))
			return kills
		}
	}
	return 0
}
