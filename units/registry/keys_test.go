package registry

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nsched/nsched/units"
)

func testKeys(t testing.TB) Keys {
	t.Helper()
	k, err := NewKeys("")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func genLabel() *rapid.Generator[string] {
	return rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?`)
}

func genUnit(t *rapid.T) units.UnitID {
	return units.UnitID{
		Namespace:  units.Namespace(genLabel().Draw(t, "ns")),
		App:        units.AppName(genLabel().Draw(t, "app")),
		Slot:       units.Slot(genLabel().Draw(t, "slot")),
		Generation: units.Generation(rapid.Int64Min(1).Draw(t, "generation")),
		Attempt:    units.Attempt(rapid.Int64Min(1).Draw(t, "attempt")),
	}
}

// genKey draws a valid key: each field that the kind's pattern has.
func genKey(t *rapid.T) Key {
	kinds := slices.Sorted(maps.Keys(schema))
	k := Key{Kind: rapid.SampledFrom(kinds).Draw(t, "kind")}
	for _, f := range schema[k.Kind].fields {
		switch f {
		case fieldNamespace:
			k.Namespace = units.Namespace(genLabel().Draw(t, "ns"))
		case fieldAppNamespace:
			k.App.Namespace = units.Namespace(genLabel().Draw(t, "app ns"))
		case fieldApp:
			k.App.Name = units.AppName(genLabel().Draw(t, "app"))
		case fieldRelease:
			k.Name = genLabel().Draw(t, "release")
		case fieldGeneration:
			k.Generation = units.Generation(rapid.Int64Min(1).Draw(t, "generation"))
		case fieldHash:
			k.Hash = rapid.StringOfN(rapid.SampledFrom([]rune(nixBase32)), 32, 32, -1).Draw(t, "hash")
		case fieldDomain:
			k.Name = rapid.StringMatching(`(\*\.)?[a-z0-9_]{1,5}(\.[a-z0-9]{1,5}){0,3}`).Draw(t, "domain")
		case fieldChunk:
			k.Chunk = units.Chunk(units.Slot(genLabel().Draw(t, "slot")))
		case fieldNode:
			k.Node = units.NodeName(genLabel().Draw(t, "node"))
		case fieldUnit:
			k.Unit = genUnit(t)
		case fieldLease:
			k.Lease = LeaseID(rapid.Int64Min(1).Draw(t, "lease"))
		case fieldWriter:
			k.Writer = rapid.StringMatching(`[a-zA-Z0-9._-]{1,8}`).Draw(t, "writer")
		case fieldSeq:
			k.Seq = rapid.Int64Min(0).Draw(t, "seq")
		case fieldPath:
			k.Path = rapid.StringMatching(`[!-.0-~]{1,4}(/[!-.0-~]{1,4}){0,3}`).Draw(t, "path")
		}
	}
	return k
}

func TestParsingABuiltKeyGivesItBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prefix := rapid.SampledFrom([]string{"", "/nsched", "/a/b.c/", "/cluster/"}).Draw(t, "prefix")
		keys, err := NewKeys(prefix)
		if err != nil {
			t.Fatal(err)
		}
		k := genKey(t)
		got, err := keys.Parse(keys.Build(k))
		if err != nil || got != k {
			t.Fatalf("%q parsed to %+v, %v; want %+v", keys.Build(k), got, err, k)
		}
	})
}

func TestNoTwoIdentitiesShareAKey(t *testing.T) {
	keys := testKeys(t)
	seen := map[string]Key{}
	rapid.Check(t, func(t *rapid.T) {
		k := genKey(t)
		text := keys.Build(k)
		if other, ok := seen[text]; ok && other != k {
			t.Fatalf("%q is %+v and %+v", text, other, k)
		}
		seen[text] = k
	})
}

func TestNoKindIsThePrefixOfAnother(t *testing.T) {
	keys := testKeys(t)
	for a := range schema {
		for b := range schema {
			if a != b && strings.HasPrefix(keys.Under(b), keys.Under(a)) && len(schema[a].fields) > 0 {
				t.Errorf("a read of %q also reads %q", a, b)
			}
		}
	}
}

func FuzzParseKey(f *testing.F) {
	keys := testKeys(f)
	for _, s := range []string{
		"/nsched/cluster", "/nsched/cluster/clock", "/nsched/cluster/", "/nsched/units/n1/a.b.0.1.1",
		"/nsched/leader/7c", "/nsched/endpoints/a/n1/a.b.0.1.1", "/nsched/names/*.example.com", "/nsched/slots/a/b/n63",
		"/nsched/audit/cli/0000000000000000007", "/nsched//", "\xff", "/nsched/skydns/com/example",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := keys.Parse(text)
		if err != nil {
			if !errors.Is(err, ErrKey) {
				t.Fatalf("parse %q: %v is no ErrKey", text, err)
			}
			if k != (Key{Kind: k.Kind}) {
				t.Fatalf("a key that is refused kept identities: %+v", k)
			}
			return
		}
		if built := keys.Build(k); built != text {
			t.Fatalf("%q parsed to %+v, which is written %q", text, k, built)
		}
	})
}

func TestKeysOfTheSchemaAreWrittenAsDocumented(t *testing.T) {
	keys := testKeys(t)
	app := units.AppID{Namespace: "prod", Name: "web"}
	unit := units.UnitID{Namespace: "prod", App: "web", Slot: "7", Generation: 3, Attempt: 2}
	for want, got := range map[string]string{
		"/nsched/cluster":                                        keys.Cluster(),
		"/nsched/cluster/clock":                                  keys.Clock(),
		"/nsched/config":                                         keys.Config(),
		"/nsched/leader/694d7e0ab":                               keys.Leader(0x694d7e0ab),
		"/nsched/namespaces/prod":                                keys.Namespace("prod"),
		"/nsched/apps/prod/web":                                  keys.App(app),
		"/nsched/generations/prod/web/3":                         keys.Generation(app, 3),
		"/nsched/closures/prod/0123456789abcdfghijklmnpqrsvwxyz": keys.Closure("prod", nixBase32),
		"/nsched/names/www.example.com":                          keys.Name("www.example.com"),
		"/nsched/rollouts/prod/web/3":                            keys.Rollout(app, 3),
		"/nsched/slots/prod/web/0":                               keys.Slots(app, "0"),
		"/nsched/summary/prod/web/n12":                           keys.Summary(app, "n12"),
		"/nsched/units/n1/prod.web.7.3.2":                        keys.Unit("n1", unit),
		"/nsched/status/n1/prod.web.7.3.2":                       keys.Status("n1", unit),
		"/nsched/endpoints/prod/n1/prod.web.7.3.2":               keys.Endpoint("n1", unit),
		"/nsched/nodes/n1":                                       keys.Node("n1"),
		"/nsched/alive/n1":                                       keys.Alive("n1"),
		"/nsched/agent/n1":                                       keys.Agent("n1"),
		"/nsched/operator/n1":                                    keys.Operator("n1"),
		"/nsched/drains/n1":                                      keys.Drain("n1"),
		"/nsched/fence/n1":                                       keys.Fence("n1"),
		"/nsched/skydns/com/example/www":                         keys.SkyDNS("com/example/www"),
		"/nsched/events/n1/17/3":                                 keys.Event("n1", "17/3"),
		"/nsched/audit/cli/0000000000000000042":                  keys.Audit("cli", 42),
		"/nsched/units/n1/":                                      keys.Under(KindUnit, "n1"),
		"/nsched/units/":                                         keys.Under(KindUnit),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestMalformedKeysAreData(t *testing.T) {
	keys := testKeys(t)
	for name, c := range map[string]struct {
		text string
		kind Kind
	}{
		"outside the prefix":                     {"/other/units/n1/x", KindForeign},
		"empty":                                  {"", KindForeign},
		"a kind of a newer version":              {"/nsched/holograms/1", KindUnknown},
		"the prefix alone":                       {"/nsched/", KindUnknown},
		"a unit that is none":                    {"/nsched/units/n1/prod.web", KindUnit},
		"a node in upper case":                   {"/nsched/nodes/N1", KindNode},
		"an identity too many":                   {"/nsched/nodes/n1/x", KindNode},
		"an identity too few":                    {"/nsched/apps/prod", KindApp},
		"a slash after what has no identity":     {"/nsched/config/", KindConfig},
		"an endpoint in another's namespace":     {"/nsched/endpoints/dev/n1/prod.web.7.3.2", KindEndpoint},
		"a generation with a leading zero":       {"/nsched/generations/prod/web/03", KindGeneration},
		"a lease in upper case":                  {"/nsched/leader/7C", KindLeader},
		"a named chunk beyond the last bucket":   {"/nsched/slots/prod/web/n64", KindSlots},
		"a domain name with the final dot":       {"/nsched/names/example.com.", KindName},
		"an audit number without its zeros":      {"/nsched/audit/cli/42", KindAudit},
		"a record's path with an empty segment":  {"/nsched/skydns/com//example", KindSkyDNS},
		"a hash with a letter that Nix has not":  {"/nsched/closures/prod/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee", KindClosure},
		"an unknown key below the cluster's":     {"/nsched/cluster/other", KindCluster},
		"a clock with something below":           {"/nsched/cluster/clock/x", KindCluster},
		"a release whose name has an underscore": {"/nsched/releases/prod/a_b", KindRelease},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := keys.Parse(c.text)
			if !errors.Is(err, ErrKey) || k != (Key{Kind: c.kind}) {
				t.Fatalf("got %+v, %v", k, err)
			}
		})
	}
}

func TestPrefixesThatCannotBeUsedAreRefused(t *testing.T) {
	for _, p := range []string{"/", "nsched", "//", "/a//b/", "/ä/", "/a b/", "/" + strings.Repeat("x", 200)} {
		if _, err := NewKeys(p); !errors.Is(err, ErrKey) {
			t.Errorf("%q: %v", p, err)
		}
	}
}
