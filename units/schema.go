package units

import (
	"bytes"
	"encoding/json"
)

// Schema returns the JSON Schema (draft 2020-12) of app.json, indented, with a final newline. It comes
// from the table the parser reads by and accepts every document that ParseApp accepts. It cannot say
// everything: what depends on several fields, and much of a value's inner shape, is ParseApp's alone.
func Schema() []byte {
	s := appShape.schema()
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "nsched app"
	s["description"] = "What nsched submit takes. Quantities have Kubernetes' spelling, durations Go's."
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(s) // maps, lists and scalars always encode, into memory
	return b.Bytes()
}
