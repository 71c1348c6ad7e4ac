package registry

import "github.com/nsched/nsched/units"

// decoders says which units value each kind holds. The other kinds are not JSON (closures, skydns) or
// have no meaning here yet: their values are handed on as bytes.
var decoders = map[Kind]func(key string, value []byte) (any, Extra, error){
	KindCluster:    decode[units.Cluster],
	KindClock:      decode[units.Clock],
	KindLeader:     decode[units.Leader],
	KindApp:        decode[units.Intent],
	KindGeneration: decode[units.Submission],
	KindRollout:    decode[units.Rollout],
	KindSlots:      decode[units.Slots],
	KindSummary:    decode[units.Summary],
	KindUnit:       decode[units.Assignment],
	KindStatus:     decode[units.Status],
	KindNode:       decode[units.Node],
	KindAlive:      decode[units.Alive],
	KindAgent:      decode[units.Agent],
	KindEndpoint:   decode[units.Endpoint],
	KindOperator:   decode[units.Operator],
	KindFence:      decode[units.Fence],
	KindName:       decode[units.Claim],
	KindEvent:      decode[units.Event],
}

func decode[T any](key string, value []byte) (any, Extra, error) {
	v, extra, err := Decode[T](key, value)
	return v, extra, err
}

// Decode parses a key and decodes its value as its kind has it. The error wraps ErrKey or ErrUndecodable;
// Item.ID then says what is known of the key. A key of a kind that this version does not know is no
// error.
func (k Keys) Decode(kv KeyValue) (Item, error) {
	id, err := k.Parse(kv.Key)
	item := Item{Raw: kv, ID: id}
	if err != nil {
		if id.Kind == KindUnknown {
			err = nil
		}
		return item, err
	}
	if d := decoders[id.Kind]; d != nil {
		item.Decoded, item.Extra, err = d(kv.Key, kv.Value)
	}
	return item, err
}
