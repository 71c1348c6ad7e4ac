package chaos

import (
	"context"
	"time"

	"github.com/nsched/nsched/nix/nixtest"
)

func cacheFaults() []Fault {
	var out []Fault
	for _, f := range []struct {
		name, what string
		fault      nixtest.Fault
	}{
		{"cache-down", "the cache answers 500", nixtest.Broken},
		{"cache-slow", "the cache sends 64 KiB a second", nixtest.Slow},
		{"cache-corrupt", "the cache changes a byte of each NAR", nixtest.Corrupt},
		{"cache-hang", "the cache falls silent within each NAR", nixtest.Hanging},
	} {
		out = append(out, Fault{f.name, DomainCache, f.what + ", 20 to 30 s", func(_ context.Context, s *Stage, d *Draw) (*Blow, error) {
			s.Cache.Set(f.fault)
			heal := func(context.Context) error { s.Cache.Set(nixtest.Healthy); return nil }
			return &Blow{Target: "cache", Lasts: d.between(20*time.Second, 30*time.Second), heal: heal}, nil
		}})
	}
	return out
}
