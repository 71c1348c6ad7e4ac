package figures

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Describe says what the machine is: a figure without its machine is a rumour.
func Describe() string {
	cpu, memory := "unknown CPU", int64(0)
	if v := field("/proc/cpuinfo", "model name"); v != "" {
		cpu = v
	}
	_, _ = fmt.Sscanf(field("/proc/meminfo", "MemTotal"), "%d kB", &memory)
	var u unix.Utsname
	_ = unix.Uname(&u)
	return fmt.Sprintf("%d cores (%s), %.0f GiB, Linux %s", runtime.NumCPU(), cpu, float64(memory)/(1<<20), unix.ByteSliceToString(u.Release[:]))
}

// field reads the first "name: value" of a file.
func field(file, name string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Commit says which version of the checkout was measured.
func Commit(ctx context.Context, root string) string {
	out, err := exec.CommandContext(ctx, "git", "-C", root, "describe", "--tags", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
