package registry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
)

// ValueVersion is the `v` of every JSON value that this version writes and reads.
const ValueVersion = 1

// ValueLimit is the longest value that is read, in bytes: what a document may have, and its escapes.
// etcd itself refuses requests beyond 1.5 MiB.
const ValueLimit = 3 << 19

// Extra is what a value holds besides the fields that this version knows. Handing it to Encode writes
// it back, so that a read-modify-write by an older version loses nothing of a newer one. The zero Extra
// is nothing. Unknown fields of objects inside arrays are not kept: elements have no identity.
type Extra struct {
	fields map[string]json.RawMessage // unknown here
	inner  map[string]Extra           // known here, with something unknown further in
	// field says that this is of a struct's field: left out when it is zero, it is still there. What is
	// of a map's entry goes with the entry.
	field bool
}

// IsZero reports whether there is nothing unknown.
func (e Extra) IsZero() bool { return len(e.fields) == 0 && len(e.inner) == 0 }

// Decode reads the JSON value of a key: an object with `"v":1`. key is named in the error, which wraps
// ErrUndecodable. T is a struct of package units.
//
// Refused besides are a known field in another spelling ("Count" for "count", which Go's decoder would
// take for it), values beyond ValueLimit, and what a T with a Validate method says is wrong with it.
func Decode[T any](key string, value []byte) (T, Extra, error) {
	var v T
	if len(value) > ValueLimit {
		return v, Extra{}, undecodable(key, fmt.Sprintf("it has %d bytes, the limit is %d", len(value), ValueLimit))
	}
	if err := json.Unmarshal(value, &v); err != nil {
		var none T
		return none, Extra{}, undecodable(key, err.Error())
	}
	version, extra, err := scan(value, shapeOf(reflect.TypeFor[T]()))
	switch {
	case err != nil:
	case version == nil:
		err = fmt.Errorf(`it has no "v"`)
	case string(version) != strconv.Itoa(ValueVersion):
		err = fmt.Errorf(`its "v" is %s, this version knows %d`, quote(string(version)), ValueVersion)
	default:
		if whole, ok := any(&v).(interface{ Validate() error }); ok {
			err = whole.Validate()
		}
	}
	if err == nil {
		return v, extra, nil
	}
	var none T
	return none, Extra{}, undecodable(key, err.Error())
}

func undecodable(key, why string) error {
	return fmt.Errorf("decode %s: %w: %s", quote(key), ErrUndecodable, why)
}

// Encode writes a value as a JSON object that begins with `"v":1`, then its fields, then what extra
// holds. The same arguments give the same bytes.
func Encode[T any](value T, extra Extra) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // people read it with etcdctl
	if err := enc.Encode(value); err != nil {
		return nil, fmt.Errorf("encode %T: %w", value, err)
	}
	body := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if len(body) < 2 || body[0] != '{' {
		return nil, fmt.Errorf("encode %T: %w: a value in etcd is an object", value, ErrUndecodable)
	}
	if !extra.IsZero() {
		merged, err := merge(body, extra)
		if err != nil {
			return nil, fmt.Errorf("encode %T: %w", value, err)
		}
		body = merged
	}
	out := append(make([]byte, 0, len(body)+8), `{"v":1`...)
	if len(body) > 2 {
		out = append(out, ',')
	}
	return append(out, body[1:]...), nil
}

// merge adds what extra holds to an object. Objects that gain something have their fields sorted, the
// others stay byte for byte.
func merge(object []byte, extra Extra) ([]byte, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(object, &fields); err != nil {
		return nil, err
	}
	for name, inner := range extra.inner { // order-free: each is merged into its own field
		// A map's entry that is gone, or a field that became null, takes its unknown fields with it.
		if old, ok := fields[name]; ok && len(old) > 0 && old[0] == '{' {
			merged, err := merge(old, inner)
			if err != nil {
				return nil, err
			}
			fields[name] = merged
		}
	}
	for name, raw := range extra.fields { // order-free: it fills another map
		if _, known := fields[name]; !known {
			fields[name] = raw
		}
	}
	// A struct leaves out empty fields, so an inner object may have to be made again.
	for name, inner := range extra.inner { // order-free: it fills another map
		if _, there := fields[name]; !there && inner.field {
			merged, err := merge([]byte("{}"), inner)
			if err != nil {
				return nil, err
			}
			fields[name] = merged
		}
	}
	var b bytes.Buffer
	b.WriteByte('{')
	for i, name := range slices.Sorted(maps.Keys(fields)) {
		if i > 0 {
			b.WriteByte(',')
		}
		quoted, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		b.Write(quoted)
		b.WriteByte(':')
		b.Write(fields[name])
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
