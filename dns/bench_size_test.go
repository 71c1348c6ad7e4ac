package dns_test

import (
	"fmt"
	"testing"

	"github.com/nsched/nsched/dns"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// BenchmarkWrites is one endpoint's change in a cluster that is in step otherwise.
func BenchmarkWrites(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("units=%d", n), func(b *testing.B) {
			keys, err := registry.NewKeys("")
			if err != nil {
				b.Fatal(err)
			}
			s, err := dns.New(dns.Options{Keys: keys})
			if err != nil {
				b.Fatal(err)
			}
			rev := int64(0)
			put := func(key string, value []byte) {
				rev++
				s.Apply(registry.Batch{After: rev - 1, Revision: rev, Changes: []registry.Change{
					{KeyValue: registry.KeyValue{Key: key, Value: value, ModRevision: rev, CreateRevision: rev}},
				}})
			}
			encode := func(v any) []byte {
				raw, err := registry.Encode(v, registry.Extra{})
				if err != nil {
					b.Fatal(err)
				}
				return raw
			}
			endpoint := func(i, port int) {
				u := unit(units.IndexSlot(i))
				put(keys.Endpoint(units.NodeName(fmt.Sprintf("n%d", i%10_000)), u), encode(units.Endpoint{
					Addresses: []string{fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)}, Ports: map[string]uint16{"http": uint16(port)},
				}))
			}
			put(keys.App(web), encode(units.Intent{Generation: 1, Count: n}))
			put(keys.Generation(web, 1), encode(units.Submission{Document: `{"schema":1,"namespace":"prod","name":"web","type":"service",
				"path":"/nix/store/00000000000000000000000000000000-web","command":["bin/web"],"ports":[{"name":"http"}],
				"dns":[{"name":"web.example.org","type":"A"}]}`}))
			for i := range n {
				endpoint(i, 20000)
			}
			now := units.Instant{Boot: 1}
			s.Lead(now, false)
			for _, g := range s.Writes(now) {
				for _, op := range g.Then {
					put(op.Key, op.Value)
				}
			}
			for b.Loop() {
				now = now.Add(1 << 40)
				endpoint(int(rev)%n, 20001)
				s.Writes(now)
			}
		})
	}
}
