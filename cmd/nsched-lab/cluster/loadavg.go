package cluster

import (
	"os"
	"strings"
)

// LoadAverage is the machine's, over 1, 5 and 15 minutes, as the kernel writes it.
func LoadAverage() string {
	raw, err := os.ReadFile("/proc/loadavg")
	words := strings.Fields(string(raw))
	if err != nil || len(words) < 3 {
		return "unknown"
	}
	return strings.Join(words[:3], " ")
}
