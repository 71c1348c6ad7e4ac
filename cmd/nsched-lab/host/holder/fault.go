package holder

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sort"
	"strings"

	"github.com/nsched/nsched/cmd/nsched-lab/host/wire"
)

// faults are what is wrong with one host's cable; they outlive power cycles.
type faults struct {
	cut              bool
	dropFrom, dropTo map[string]bool // peers by name; everyone stands for all
	shape            shape
}

// everyone is the peer that stands for all hosts and the holder.
const everyone = "*"

func newFaults() faults {
	return faults{dropFrom: map[string]bool{}, dropTo: map[string]bool{}}
}

func (f faults) describe() []string {
	var out []string
	if f.cut {
		out = append(out, "partitioned")
	}
	for _, peer := range sortedKeys(f.dropFrom) {
		out = append(out, "drops to "+peer)
	}
	for _, peer := range sortedKeys(f.dropTo) {
		out = append(out, "drops from "+peer)
	}
	if f.shape != (shape{}) {
		out = append(out, f.shape.String())
	}
	return out
}

// change brings a fault into force. It returns when the kernel has it.
func (h *holder) change(ctx context.Context, name string, f wire.Fault) error {
	if f.Kind == wire.FaultHeal && name == "" {
		for _, n := range h.all() {
			if err := n.change(ctx, f); err != nil {
				return err
			}
		}
		return nil
	}
	n, err := h.host(name)
	if err != nil {
		return err
	}
	for _, peer := range f.Peers {
		if peer == LabName {
			continue
		}
		if _, err := h.host(peer); err != nil {
			return err
		}
	}
	return n.change(ctx, f)
}

func (n *host) change(ctx context.Context, f wire.Fault) error {
	peers := f.Peers
	if len(peers) == 0 {
		peers = []string{everyone}
	}
	n.cable.Lock()
	switch f.Kind {
	case wire.FaultPartition:
		n.fault.cut = true
	case wire.FaultDropFrom:
		for _, p := range peers {
			n.fault.dropFrom[p] = true
		}
	case wire.FaultDropTo:
		for _, p := range peers {
			n.fault.dropTo[p] = true
		}
	case wire.FaultDelay:
		if f.Delay < 0 || f.Jitter < 0 || f.Jitter > f.Delay || f.Loss < 0 || f.Loss > 1 {
			n.cable.Unlock()
			return fmt.Errorf("delay %s: delay is at least 0, jitter at most delay, loss 0 to 1: %w", n.name, wire.ErrRequest)
		}
		n.fault.shape = shape{delay: f.Delay, jitter: f.Jitter, loss: f.Loss}
	case wire.FaultHeal:
		n.fault = newFaults()
	default:
		n.cable.Unlock()
		return fmt.Errorf("change network of %s: unknown fault %q: %w", n.name, f.Kind, wire.ErrRequest)
	}
	var err error
	if n.linked() {
		err = n.applyCable(ctx)
	}
	n.cable.Unlock()
	if err != nil {
		return err
	}
	return n.lab.loadRules(ctx)
}

// linked says whether the cable exists, that is, whether the host has power.
func (n *host) linked() bool {
	_, err := net.InterfaceByName(n.port())
	return err == nil
}

// applyCable brings link state and delay line to what the faults ask for.
func (n *host) applyCable(ctx context.Context) error {
	n.line.close()
	n.line = nil
	state := "up"
	if n.fault.cut {
		state = "down"
	}
	if n.fault.shape == (shape{}) {
		return n.lab.ip(ctx, fmt.Sprintf("link set %s master %s %s\n", n.port(), bridgeName, state))
	}
	if err := n.lab.ip(ctx, fmt.Sprintf("link set %s nomaster %s\n", n.port(), state)); err != nil {
		return err
	}
	line, err := openDelayLine(n.port(), n.linePort(), n.fault.shape)
	if err != nil {
		return fmt.Errorf("delay %s: %w", n.name, err)
	}
	n.line = line
	return n.lab.ip(ctx, fmt.Sprintf("link set %s master %s up\n", n.linePort(), bridgeName))
}

// linePort is the switch's port while a delay line sits between it and the cable.
func (n *host) linePort() string { return fmt.Sprintf("line%d", n.index) }

// loadRules replaces the switch's filter in one transaction. It matches ports, not addresses, so ARP
// vanishes like everything else.
func (h *holder) loadRules(ctx context.Context) error {
	h.nft.Lock()
	defer h.nft.Unlock()
	var forward, input, output []string
	hosts := h.all()
	ports := map[string]string{}
	for _, n := range hosts {
		ports[n.name] = fmt.Sprintf("{ %q, %q }", n.port(), n.linePort())
	}
	for _, n := range hosts {
		n.cable.Lock()
		from, to := sortedKeys(n.fault.dropFrom), sortedKeys(n.fault.dropTo)
		n.cable.Unlock()
		self := ports[n.name]
		for _, peer := range from {
			if peer == everyone || peer == LabName {
				input = append(input, "iifname "+self+" drop")
			}
			if peer == everyone {
				forward = append(forward, "iifname "+self+" drop")
			} else if peer != LabName {
				forward = append(forward, "iifname "+self+" oifname "+ports[peer]+" drop")
			}
		}
		for _, peer := range to {
			if peer == everyone || peer == LabName {
				output = append(output, "oifname "+self+" drop")
			}
			if peer == everyone {
				forward = append(forward, "oifname "+self+" drop")
			} else if peer != LabName {
				forward = append(forward, "iifname "+ports[peer]+" oifname "+self+" drop")
			}
		}
	}
	var b strings.Builder
	b.WriteString("table bridge lab {}\ndelete table bridge lab\ntable bridge lab {\n")
	for hook, rules := range map[string][]string{"forward": forward, "input": input, "output": output} {
		fmt.Fprintf(&b, "chain %[1]s {\ntype filter hook %[1]s priority 0; policy accept;\n%[2]s\n}\n", hook, strings.Join(slices.Compact(rules), "\n"))
	}
	b.WriteString("}\n")
	if err := h.children.run(ctx, b.String(), "nft", "-f", "-"); err != nil {
		return fmt.Errorf("load network rules: %w", err)
	}
	return nil
}

func sortedKeys(m map[string]bool) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
