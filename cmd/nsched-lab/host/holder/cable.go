package holder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// bridgeName is the switch that all cables end in; the holder's own address is on it.
const bridgeName = "lab0"

// bridge makes the lab's switch.
func (h *holder) bridge(ctx context.Context) error {
	return h.ip(ctx, fmt.Sprintf(`link set lo up
link add %[1]s address 02:6e:73:00:00:00 type bridge stp_state 0 forward_delay 0
address add %[2]s dev %[1]s
link set %[1]s up
`, bridgeName, labAddress))
}

func (h *holder) ip(ctx context.Context, batch string) error {
	if err := h.children.run(ctx, batch, "ip", "-batch", "-"); err != nil {
		return fmt.Errorf("configure network: %w", err)
	}
	return nil
}

// netns is the file that a host's network namespace is bound to while the host has power.
func (n *host) netns() string { return filepath.Join(n.dir, "netns") }

// port is the switch's end of the cable.
func (n *host) port() string { return fmt.Sprintf("port%d", n.index) }

// connect makes a fresh network namespace and a cable from it to the switch, with the faults in force.
// The link's address depends on the host alone, so that neighbours find it again after a power cycle.
func (n *host) connect(ctx context.Context) error {
	n.cable.Lock()
	defer n.cable.Unlock()
	if err := n.removeCable(ctx); err != nil {
		return err
	}
	if err := os.WriteFile(n.netns(), nil, 0o600); err != nil {
		return fmt.Errorf("make network namespace: %w", err)
	}
	run := n.lab.children.run
	if err := run(ctx, "", "unshare", "--net="+n.netns(), "ip", "link", "set", "lo", "up"); err != nil {
		return fmt.Errorf("make network namespace: %w", err)
	}
	mac := fmt.Sprintf("02:6e:73:00:%02x:%02x", n.index>>8, n.index&0xff)
	if err := n.lab.ip(ctx, fmt.Sprintf("link add %s type veth peer name host0 address %s netns %s\n", n.port(), mac, n.netns())); err != nil {
		return err
	}
	inside := fmt.Sprintf("address add %s/%d dev host0\nlink set host0 up\n", n.address, labAddress.Bits())
	if err := run(ctx, inside, "nsenter", "--net="+n.netns(), "ip", "-batch", "-"); err != nil {
		return fmt.Errorf("configure network: %w", err)
	}
	return n.applyCable(ctx)
}

// unplug silences a host that is about to lose power.
func (n *host) unplug(ctx context.Context) {
	n.cable.Lock()
	defer n.cable.Unlock()
	_ = n.removeCable(ctx) // the end of the life does it again and reports
}

// disconnect removes cable and network namespace; both may be gone.
func (n *host) disconnect(ctx context.Context) error {
	n.cable.Lock()
	defer n.cable.Unlock()
	return n.removeCable(ctx)
}

// removeCable is idempotent. The namespace lives on for as long as processes are in it.
func (n *host) removeCable(ctx context.Context) error {
	n.line.close()
	n.line = nil
	if n.linked() {
		if err := n.lab.ip(ctx, fmt.Sprintf("link delete %s\n", n.port())); err != nil {
			return err
		}
	}
	if err := unix.Unmount(n.netns(), unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove network namespace: %w", err)
	}
	if err := os.Remove(n.netns()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove network namespace: %w", err)
	}
	return nil
}
