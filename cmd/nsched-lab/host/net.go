package host

import (
	"context"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/host/wire"
)

// Net injects faults into a lab's network. Faults add up, survive power cycles and are in force when
// the call returns. A peer is the name of a host, or "lab" for the holder.
type Net struct{ lab *Lab }

// Shape is what a cable does to each frame, in both directions. Frames of one direction never overtake
// each other.
type Shape struct {
	Delay  time.Duration // per direction; a round trip takes twice as long
	Jitter time.Duration // Delay varies by up to this much to either side
	Loss   float64       // share of frames that vanish, 0 to 1
}

// Partition pulls the host's cable: it sees its link go down, and nothing passes.
func (n Net) Partition(ctx context.Context, name string) error {
	return n.change(ctx, name, wire.Fault{Kind: wire.FaultPartition})
}

// DropFrom makes what the host sends to the peers vanish, without peers what it sends to anyone. The
// other direction still works.
func (n Net) DropFrom(ctx context.Context, name string, peers ...string) error {
	return n.change(ctx, name, wire.Fault{Kind: wire.FaultDropFrom, Peers: peers})
}

// DropTo makes what the peers send to the host vanish, without peers what anyone sends. The other
// direction still works.
func (n Net) DropTo(ctx context.Context, name string, peers ...string) error {
	return n.change(ctx, name, wire.Fault{Kind: wire.FaultDropTo, Peers: peers})
}

// Delay shapes the host's cable; a zero Shape takes the delay line out. Frames on the way are lost.
func (n Net) Delay(ctx context.Context, name string, s Shape) error {
	return n.change(ctx, name, wire.Fault{Kind: wire.FaultDelay, Delay: s.Delay, Jitter: s.Jitter, Loss: s.Loss})
}

// Heal takes back every fault of the named hosts, without names of all hosts. What another host drops
// because of its own faults stays dropped.
func (n Net) Heal(ctx context.Context, names ...string) error {
	if len(names) == 0 {
		names = []string{""}
	}
	for _, name := range names {
		if err := n.change(ctx, name, wire.Fault{Kind: wire.FaultHeal}); err != nil {
			return err
		}
	}
	return nil
}

func (n Net) change(ctx context.Context, name string, f wire.Fault) error {
	_, err := n.lab.ask(ctx, wire.Request{Op: wire.OpFault, Host: name, Fault: &f})
	return err
}
