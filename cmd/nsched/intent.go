package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// alterTries is how often a change of an intent begins anew when somebody else changes it meanwhile.
const alterTries = 5

// alter changes an app's intent by a function of what is there, and repeats that when somebody else was
// faster. change says whether there is anything to do; it may be called more than once. When no answer
// comes the intent is read again: the function then finds its work done, or does it once more.
func (c cluster) alter(ctx context.Context, id units.AppID, change func(*appFacts, *units.Intent) (bool, error)) (*appFacts, bool, error) {
	asked := false // a write whose answer was lost
	for range alterTries {
		snapshot, err := c.read(ctx, c.appScope(id.Namespace, id.Name))
		if err != nil {
			if asked {
				err = exit(exitUnreachable, "it is not known whether %s was changed: %w; see nsched status %s", id, err, id)
			}
			return nil, false, err
		}
		f := c.app(snapshot, id)
		switch {
		case f.broken != nil:
			return nil, false, fmt.Errorf("change %s: %w; mend or delete the key", id, f.broken)
		case f.revision == 0:
			return nil, false, exit(exitFailed, "there is no app %s; see nsched status -A", id)
		}
		intent := f.intent
		needed, err := change(f, &intent)
		if err != nil || !needed {
			return f, asked && err == nil, err
		}
		value, err := registry.Encode(intent, f.extra)
		if err != nil {
			return nil, false, err
		}
		key := c.keys.App(id)
		res, err := c.Txn(ctx, registry.Txn{
			If:   []registry.Compare{{Key: key, Target: registry.ModRevision, Number: f.revision}},
			Then: []registry.Op{{Kind: registry.OpPut, Key: key, Value: value}},
		})
		switch {
		case err == nil && res.Succeeded:
			f.intent, f.revision = intent, res.Revision
			return f, true, nil
		case errors.Is(err, registry.ErrUnknownOutcome):
			asked = true
		case err != nil:
			return nil, false, fmt.Errorf("change %s: %w", id, err)
		}
	}
	if asked {
		return nil, false, exit(exitUnreachable, "it is not known whether %s was changed, and it may still be; see nsched status %s", id, id)
	}
	return nil, false, exit(exitChanged, "%s is being changed by others all the time; nothing was done", id)
}
