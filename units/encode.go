package units

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// MarshalJSON implements json.Marshaler: the normalised document, defaults included, fields in the
// order of the table and keys of maps sorted. ParseApp of it returns an equal App.
func (a App) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	encode(&b, appShape.write(a))
	return b.Bytes(), nil
}

// Canonical returns the bytes that identify what an app does: its normalised document without count,
// which is no part of a generation.
func (a App) Canonical() []byte {
	a.Count = nil
	var b bytes.Buffer
	encode(&b, appShape.write(a))
	return b.Bytes()
}

// Same reports whether two apps mean the same generation: they are equal but for their count.
func Same(a, b App) bool { return bytes.Equal(a.Canonical(), b.Canonical()) }

func encode(b *bytes.Buffer, t tree) {
	switch t := t.(type) {
	case branch:
		b.WriteByte('{')
		for i, l := range t {
			if i > 0 {
				b.WriteByte(',')
			}
			encodeText(b, l.key)
			b.WriteByte(':')
			encode(b, l.tree)
		}
		b.WriteByte('}')
	case items:
		b.WriteByte('[')
		for i, item := range t {
			if i > 0 {
				b.WriteByte(',')
			}
			encode(b, item)
		}
		b.WriteByte(']')
	case emptyObject:
		b.WriteString("{}")
	case string:
		encodeText(b, t)
	case int64:
		b.WriteString(strconv.FormatInt(t, 10))
	case bool:
		b.WriteString(strconv.FormatBool(t))
	default: // nil in a list: an element that was never valid
		b.WriteString("null")
	}
}

func encodeText(b *bytes.Buffer, text string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string always encodes, into memory
	b.Truncate(b.Len() - 1)
}
