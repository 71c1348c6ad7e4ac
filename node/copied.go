package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
)

// nodesPage is how many registrations one read asks for.
const nodesPage = 500

// errCopied: this machine's key is another node's, too.
var errCopied = errors.New("another node has this machine's key")

// checkKey looks, before a node registers for the first time, whether another has its key: a disk image
// that was taken from a node and started under another name. Two that do this at the same moment see
// nothing of each other; the scheduler does not use the later one.
func (d *Daemon) checkKey() {
	d.registering = true
	self := d.self.Key
	loop.Go(d.o.Executor, "check-key", string(d.o.Node), func(ctx context.Context) (units.NodeName, error) {
		return owner(ctx, d.o.KV, d.o.Keys, d.o.Node, self)
	}, func(now units.Instant, other units.NodeName, err error) {
		d.registering = false
		switch {
		case err != nil:
			d.registration(now, fmt.Errorf("look for this machine's key among the registered: %w", err))
		case other != "":
			d.registration(now, fmt.Errorf("%w: %s registered it first. If this machine is a copy of that one, remove "+
				"node.key from its state directory and restart its guard and daemon; if it is the same one under a new name, run: nsched nodes forget %s",
				errCopied, other, other))
		default:
			d.keyUnique = true
			d.answered(now)
		}
	})
}

// owner returns the first other node that registered the key, "" for none. It returns none, too, when this
// name is registered already: what the key is compared with is that registration then. A registration
// that cannot be read has no key.
func owner(ctx context.Context, kv registry.KV, keys registry.Keys, self units.NodeName, key string) (units.NodeName, error) {
	own, err := kv.Range(ctx, registry.Range{Key: keys.Node(self)})
	if err != nil || len(own.KVs) > 0 {
		return "", err
	}
	prefix := keys.Under(registry.KindNode)
	for r := (registry.Range{Key: prefix, End: registry.PrefixEnd(prefix), Limit: nodesPage}); ; {
		page, err := kv.Range(ctx, r)
		if err != nil {
			return "", err
		}
		for _, kv := range page.KVs {
			k, err := keys.Parse(kv.Key)
			if err != nil || k.Node == self {
				continue
			}
			if n, _, err := registry.Decode[units.Node](kv.Key, kv.Value); err == nil && n.Key == key {
				return k.Node, nil
			}
		}
		if !page.More || len(page.KVs) == 0 {
			return "", nil
		}
		// The next pages are of the first one's revision, so that no key is passed over.
		if r.Revision == 0 {
			r.Revision = page.Revision
		}
		r.Key = page.KVs[len(page.KVs)-1].Key + "\x00"
	}
}
