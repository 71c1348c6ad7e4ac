package holder

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// hostsFile names the lab, all its hosts and what the options add.
func (h *holder) hostsFile() string {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n")
	fmt.Fprintf(&b, "%s %s\n", labAddress.Addr(), LabName)
	for _, n := range h.all() {
		fmt.Fprintf(&b, "%s %s\n", n.address, n.name)
	}
	for _, line := range h.cfg.HostsLines {
		b.WriteString(line + "\n")
	}
	return b.String()
}

func (h *holder) resolvConf() string {
	var b strings.Builder
	for _, a := range h.cfg.Nameservers {
		fmt.Fprintf(&b, "nameserver %s\n", a)
	}
	b.WriteString("options timeout:1 attempts:2\n")
	return b.String()
}

// informHosts writes the names known now into every /etc/hosts of the lab, in place: the holder's is
// a bind mount.
func (h *holder) informHosts() error {
	h.inform.Lock()
	defer h.inform.Unlock()
	content := []byte(h.hostsFile())
	if err := os.WriteFile(filepath.Join(h.fs, "etc/hosts"), content, 0o644); err != nil {
		return fmt.Errorf("write hosts file: %w", err)
	}
	for _, n := range h.all() {
		path := filepath.Join(n.root(), "etc/hosts")
		if err := os.WriteFile(path, content, 0o644); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("write hosts file of %s: %w", n.name, err)
		}
	}
	return nil
}
