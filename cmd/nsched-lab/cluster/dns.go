package cluster

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

// Zone is the domain that CoreDNS serves in a cluster.
const Zone = "nsched.test"

// StartCoreDNS starts CoreDNS with the example's Corefile, for Zone, where all hosts look names up.
func (c *Cluster) StartCoreDNS(ctx context.Context) error {
	file := filepath.Join(c.programs.Root, "examples/coredns/Corefile")
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("start CoreDNS: %w", err)
	}
	for from, to := range map[string]string{
		"example.org:53 {":      Zone + ":53 {",
		"bind 127.0.0.1":        "bind " + host.Address.String(),
		"/nsched/skydns":        strings.TrimSuffix(c.Keys.SkyDNS(""), "/"),
		"http://127.0.0.1:2379": strings.Join(c.Endpoints(), " "),
	} {
		if !bytes.Contains(text, []byte(from)) {
			return fmt.Errorf("start CoreDNS: %s has no %q", file, from)
		}
		text = bytes.ReplaceAll(text, []byte(from), []byte(to))
	}
	own := filepath.Join(c.dir(), "Corefile")
	if err := os.WriteFile(own, text, 0o644); err != nil {
		return fmt.Errorf("start CoreDNS: %w", err)
	}
	if _, err := c.Start(ctx, "coredns.log", c.programs.path(coreDNSProgram), "-conf", own); err != nil {
		return fmt.Errorf("start CoreDNS: %w", err)
	}
	return nil
}

// Resolver is the address of CoreDNS.
func (c *Cluster) Resolver() netip.AddrPort { return netip.AddrPortFrom(host.Address, 53) }
