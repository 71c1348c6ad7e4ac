package units_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/nsched/nsched/units"
)

const goldenSchema = "testdata/app.schema.json"

func TestSchemaIsAsPublished(t *testing.T) {
	got := units.Schema()
	if *update {
		if err := os.WriteFile(goldenSchema, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenSchema)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("the schema differs from %s; run the test with -update and read what changed", goldenSchema)
	}
}

func TestSchemaAcceptsWhateverTheParserAccepts(t *testing.T) {
	schema := decodeSchema(t)
	for _, raw := range corpus(t) {
		if _, err := units.ParseApp(raw); err != nil {
			continue
		}
		if problem := violates(schema, decode(t, raw)); problem != "" {
			t.Errorf("the schema refuses %s: %s", raw, problem)
		}
	}
}

// Wrong shapes that a schema can see must be seen: an editor is where most mistakes are made.
func TestSchemaRefusesWrongShapes(t *testing.T) {
	schema := decodeSchema(t)
	for name, replace := range map[string]map[string]string{
		"an unknown key":                 {"replicas": "1"},
		"an unknown key inside":          {"resources": `{"ram":"1Gi"}`},
		"no name":                        {"name": ""},
		"a name in upper case":           {"name": `"A"`},
		"a name of 64 characters":        {"name": `"` + string(bytes.Repeat([]byte("a"), 64)) + `"`},
		"neither path nor paths":         {"path": ""},
		"path and paths":                 {"paths": `{"x86_64-linux":"` + somePath + `"}`},
		"a link":                         {"path": `"./result"`},
		"an empty command":               {"command": "[]"},
		"a count in quotes":              {"count": `"1"`},
		"a fraction":                     {"priority": "1.5"},
		"a priority out of range":        {"priority": "101"},
		"a quantity in nobody's units":   {"resources": `{"memory":"1gb"}`},
		"a duration in days":             {"stop": `{"timeout":"1d"}`},
		"an unknown word":                {"type": `"daemon"`},
		"a variable with a dash":         {"env": `{"A-B":"1"}`},
		"null":                           {"owner": "null"},
		"a port without a name":          {"ports": `[{"port":1}]`},
		"a record of one label":          {"dns": `[{"name":"a"}]`},
		"an attribute that no node has":  {"constraints": `[{"attribute":"cpu","value":"1"}]`},
		"a check without its port":       {"healthChecks": `{"tcp":[{}]}`},
		"an owner with a control":        {"owner": `"a\u0007"`},
		"a capability in short":          {"sandbox": `{"capabilities":["NET_RAW"]}`},
		"a system that is none of Linux": {"path": "", "paths": `{"aarch64-darwin":"` + somePath + `"}`},
	} {
		raw := document(t, replace)
		if violates(schema, decode(t, raw)) == "" {
			t.Errorf("%s: the schema accepts %s", name, raw)
		}
		if _, err := units.ParseApp(raw); err == nil {
			t.Errorf("%s: the parser accepts %s", name, raw)
		}
	}
}

func TestSchemaDescribesEveryField(t *testing.T) {
	var walk func(at string, s map[string]any)
	walk = func(at string, s map[string]any) {
		properties, _ := s["properties"].(map[string]any)
		for name, p := range properties {
			inner := p.(map[string]any)
			if text, _ := inner["description"].(string); text == "" {
				t.Errorf("%s.%s has no description", at, name)
			}
			walk(at+"."+name, inner)
		}
		if list, ok := s["items"].(map[string]any); ok {
			walk(at+"[]", list)
		}
	}
	walk("", decodeSchema(t))
}

func decodeSchema(t testing.TB) map[string]any {
	t.Helper()
	var s map[string]any
	if err := json.Unmarshal(units.Schema(), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func decode(t testing.TB, raw []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return v
}

// violates checks v against the part of JSON Schema that the project's schema uses, and panics at a
// keyword that it does not know: silence would be taken for agreement.
func violates(s map[string]any, v any) string {
	for keyword, rule := range s {
		if problem := violatesKeyword(s, keyword, rule, v); problem != "" {
			return problem
		}
	}
	return ""
}

func violatesKeyword(s map[string]any, keyword string, rule, v any) string {
	text, isText := v.(string)
	number, isNumber := v.(json.Number)
	list, isList := v.([]any)
	object, isObject := v.(map[string]any)
	switch keyword {
	case "$schema", "title", "description", "default", "properties":
		return "" // properties are met under additionalProperties
	case "type":
		whole, err := number.Int64()
		_ = whole
		ok := map[string]bool{"string": isText, "integer": isNumber && err == nil, "array": isList, "object": isObject}
		_, isBool := v.(bool)
		ok["boolean"] = isBool
		if !ok[rule.(string)] {
			return fmt.Sprintf("%v is not of type %v", v, rule)
		}
	case "enum":
		if !slices.Contains(rule.([]any), v) {
			return fmt.Sprintf("%v is not one of %v", v, rule)
		}
	case "pattern":
		if isText && !regexp.MustCompile(rule.(string)).MatchString(text) {
			return fmt.Sprintf("%q does not match %v", text, rule)
		}
	case "maxLength":
		if isText && utf8.RuneCountInString(text) > int(rule.(float64)) {
			return fmt.Sprintf("%q is too long", text)
		}
	case "minimum", "maximum":
		if n, err := number.Int64(); isNumber && err == nil {
			if keyword == "minimum" && n < int64(rule.(float64)) || keyword == "maximum" && n > int64(rule.(float64)) {
				return fmt.Sprintf("%d is beyond its %s", n, keyword)
			}
		}
	case "minItems":
		if isList && len(list) < int(rule.(float64)) {
			return "the list is too short"
		}
	case "items":
		for _, item := range list {
			if problem := violates(rule.(map[string]any), item); problem != "" {
				return problem
			}
		}
	case "required":
		for _, name := range rule.([]any) {
			if _, ok := object[name.(string)]; isObject && !ok {
				return fmt.Sprintf("%v is missing", name)
			}
		}
	case "minProperties":
		if isObject && len(object) < int(rule.(float64)) {
			return "the object is too small"
		}
	case "propertyNames":
		for name := range object {
			if problem := violates(rule.(map[string]any), name); problem != "" {
				return problem
			}
		}
	case "additionalProperties":
		properties, _ := s["properties"].(map[string]any)
		for name, inner := range object {
			known, ok := properties[name].(map[string]any)
			if !ok {
				if known, ok = rule.(map[string]any); !ok {
					return name + " is unknown"
				}
			}
			if problem := violates(known, inner); problem != "" {
				return problem
			}
		}
	case "oneOf":
		matches := 0
		for _, one := range rule.([]any) {
			if violates(one.(map[string]any), v) == "" {
				matches++
			}
		}
		if matches != 1 {
			return fmt.Sprintf("%d of oneOf match", matches)
		}
	default:
		panic("the checker does not know " + keyword)
	}
	return ""
}
