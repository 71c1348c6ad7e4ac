package units

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The scanner reads what the standard decoder reads, and to the same values: it is stricter, never
// different.
func FuzzScan(f *testing.F) {
	for _, raw := range []string{
		"", "{}", "[]", `""`, "0", "null", `{"a":[1,-2,true,false,null,"\u00e9\ud83d\ude00\n"]}`, `{"a":1,"a":2}`, "{\"a\":\"\xff\"}", `{"a":"\ud800"}`,
		"\xef\xbb\xbf{}", "[1.5e3,01,+1,-]", `[1,]`, `{"a"}`, "{} {}", strings.Repeat("[", 40), `"\x"`, "\"\x01\"", `[tru]`, " \t\r\n[ ] ",
	} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		root, problems, ok := scan(raw)
		if !ok {
			if len(problems) == 0 {
				t.Fatal("refused without a word")
			}
			if json.Valid(raw) && !strings.Contains(problems.Error(), "deep") {
				t.Fatalf("refused what is JSON: %v", problems)
			}
			return
		}
		if root.start < 0 || root.end > len(raw) || root.start >= root.end {
			t.Fatalf("the document stands at %d to %d of %d", root.start, root.end, len(raw))
		}
		if len(problems) > 0 || !plainNumbers(&root) {
			return
		}
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		var want any
		if err := d.Decode(&want); err != nil || !json.Valid(raw) {
			t.Fatalf("accepted what is no JSON: %v", err)
		}
		if diff := cmp.Diff(want, plain(&root)); diff != "" {
			t.Fatalf("read differently:\n%s", diff)
		}
	})
}

func plainNumbers(v *value) bool {
	for i := range v.members {
		if !plainNumbers(&v.members[i].value) {
			return false
		}
	}
	for i := range v.items {
		if !plainNumbers(&v.items[i]) {
			return false
		}
	}
	return v.kind != isNumber || plainInteger(v.text)
}

// plain returns a value as the standard decoder would.
func plain(v *value) any {
	switch v.kind {
	case isBool:
		return v.truth
	case isNumber:
		return json.Number(v.text)
	case isText:
		return v.text
	case isList:
		list := make([]any, len(v.items))
		for i := range v.items {
			list[i] = plain(&v.items[i])
		}
		return list
	case isObject:
		object := make(map[string]any, len(v.members))
		for i := range v.members {
			object[v.members[i].key] = plain(&v.members[i].value)
		}
		return object
	}
	return nil
}
