package figures

import (
	"context"
	"fmt"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// assignedTo waits until an app has so many assignments that are not told to stop.
func (s *stage) assignedTo(ctx context.Context, name string, count int) error {
	prefix := s.Keys.Under(registry.KindUnit)
	return s.until(ctx, fmt.Sprintf("%s has %d units", name, count), func() error {
		r, err := s.Registry.Range(ctx, registry.Range{Key: prefix, End: registry.PrefixEnd(prefix)})
		if err != nil {
			return err
		}
		n := 0
		for _, kv := range r.KVs {
			key, err := s.Keys.Parse(kv.Key)
			if err != nil {
				return err
			}
			a, _, err := registry.Decode[units.Assignment](kv.Key, kv.Value)
			if err != nil {
				return err
			}
			if key.Unit.AppID() == id(name) && a.Desired != units.DesiredStop {
				n++
			}
		}
		if n != count {
			return fmt.Errorf("it has %d", n)
		}
		return nil
	})
}
