package chaos

import (
	"context"
	"fmt"
	"time"
)

// A file system that shrinks to what is in it is full at once, and costs no memory to fill.
const (
	shrink = `used=$(df -k --output=used "$0" | tail -n 1); mount -o remount,size=$((used + 4))k "$0"
dd if=/dev/zero of="$0/filler" bs=4k count=2 2>/dev/null || true`
	widen = `rm -f "$0/filler"; mount -o remount,size="$1" "$0"`
)

func fullFaults() []Fault {
	return []Fault{
		{"run-full", DomainNode, "/run of a node is full, 10 to 25 s", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			n := d.node(s)
			heal := func(ctx context.Context) error {
				_, err := n.Exec(ctx, "sh", "-ec", widen, "/run", "20%")
				return err
			}
			_, err := n.Exec(ctx, "sh", "-ec", shrink, "/run")
			if err != nil {
				err = fmt.Errorf("fill /run of %s: %w", n.Name(), err)
			}
			return &Blow{Target: n.Name(), Lasts: d.between(10*time.Second, 25*time.Second), heal: heal}, err
		}},
		{"store-full", DomainNode, "the store of a node is full, 15 to 25 s", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			n := d.node(s)
			store := "/run/stores/" + n.Name() // as the holder sees it
			heal := func(ctx context.Context) error {
				_, err := s.Lab.Exec(ctx, "sh", "-ec", widen, store, "256m")
				return err
			}
			_, err := s.Lab.Exec(ctx, "sh", "-ec", shrink, store)
			if err != nil {
				err = fmt.Errorf("fill the store of %s: %w", n.Name(), err)
			}
			return &Blow{Target: n.Name(), Lasts: d.between(15*time.Second, 25*time.Second), heal: heal}, err
		}},
	}
}
