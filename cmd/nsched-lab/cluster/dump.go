package cluster

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

// dumpLines is how much of each log is shown.
const dumpLines = 60

// Dump writes the ends of all logs, for a test that failed: nsched's on the hosts and the processes' in
// the lab.
func (c *Cluster) Dump(ctx context.Context, w io.Writer) {
	c.mu.Lock()
	hosts := slices.Clone(c.hosts)
	c.mu.Unlock()
	for _, h := range hosts {
		DumpHost(ctx, w, h)
	}
	logs, _ := filepath.Glob(filepath.Join(c.Lab.Logs(), "*.log"))
	for _, file := range logs {
		if strings.HasSuffix(file, ".console.log") {
			continue
		}
		if text, err := os.ReadFile(file); err == nil && len(text) > 0 {
			_, _ = fmt.Fprintf(w, "--- %s\n%s\n", filepath.Base(file), last(text, dumpLines))
		}
	}
}

// DumpHost writes the end of what nsched said on a host.
func DumpHost(ctx context.Context, w io.Writer, h *host.Host) {
	var out bytes.Buffer
	err := h.Run(ctx, host.Command{Argv: []string{
		"journalctl", "--no-pager", "--boot", "--output=short-precise", "--lines=" + strconv.Itoa(4*dumpLines), "--unit=nsched*",
	}, Stdout: &out, Stderr: &out})
	_, _ = fmt.Fprintf(w, "--- journal of %s (%v)\n%s\n", h.Name(), err, out.Bytes())
}

func last(text []byte, lines int) []byte {
	parts := bytes.Split(bytes.TrimRight(text, "\n"), []byte("\n"))
	return bytes.Join(parts[max(0, len(parts)-lines):], []byte("\n"))
}
