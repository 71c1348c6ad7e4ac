package units_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/units"
)

// valid stands for the rest of a document.
const valid = `"path":"` + somePath + `","command":["bin/hello"]`

func TestMalformedDocumentsAreRefused(t *testing.T) {
	for _, c := range []struct{ name, raw, want string }{
		{"an empty file", "", "the document is empty"},
		{"a file of spaces", " \n\t", "the document is empty"},
		{"text without quotes", "hello", `line 1, column 1: "hello" is no value; text stands in double quotes`},
		{"a list", "[]", "an object is due here, not a list"},
		{"a string", `"app"`, "an object is due here, not a string"},
		{"null", "null", "null is no value; leave the field out instead"},
		{"an unclosed object", `{"name":"a"`, `line 1, column 12: a comma or '}' is due, not the end of the document`},
		{"an unclosed string", "{\n \"name", `line 2, column 2: the string that begins here does not end`},
		{"an unclosed list", `{"command":["a"`, `command: line 1, column 16: a comma or ']' is due, not the end of the document`},
		{"a comma at the end", `{"name":"a",}`, `line 1, column 13: nothing follows the comma; remove it`},
		{"a comma too many in a list", `{"command":["a",]}`, `command: line 1, column 17: nothing follows the comma; remove it`},
		{"a missing colon", `{"name" "a"}`, `name: line 1, column 9: a colon is due after the key, not "\""`},
		{"a missing value", `{"name":}`, `name: line 1, column 9: a value is due, not "}"`},
		{"single quotes", `{'name':'a'}`, `line 1, column 2: a key in double quotes is due, not "'"`},
		{"a comment", "{// hi\n}", `line 1, column 2: a key in double quotes is due, not "/"`},
		{"an unknown escape", `{"name":"\x41"}`, `name: line 1, column 10: "\\x41\"}" is no escape; JSON has \" \\ \/ \b \f \n \r \t \uXXXX`},
		{"a short unicode escape", `{"name":"\u12"}`, `name: line 1, column 10: "\\u12\"}" is no escape; JSON has \" \\ \/ \b \f \n \r \t \uXXXX`},
		{"NaN", `{"priority":NaN}`, `priority: line 1, column 13: "NaN" is no value; text stands in double quotes`},
		{"True", `{"singleton":True}`, `singleton: line 1, column 14: "True" is no value; text stands in double quotes`},
		{"a NUL after the document", "{}\x00", "line 1, column 3: something follows the document; a file holds one"},
		{"beyond 1 MiB", `{"name":"` + strings.Repeat("a", 1<<20) + `"}`, "the document has 1048587 bytes; at most 1 MiB (1048576) is read"},
		{"33 levels", strings.Repeat(`{"a":`, 33), strings.Repeat("a.", 31) + "a: line 1, column 161: nested more than 32 deep"},
		{"a million brackets", strings.Repeat("[", 1<<20), strings.Repeat("[0]", 32) + ": line 1, column 33: nested more than 32 deep"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := units.ParseApp([]byte(c.raw))
			if got := lines(err); len(got) == 0 || got[0] != c.want {
				t.Fatalf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestAmbiguousDocumentsAreRefused(t *testing.T) {
	for _, c := range []struct {
		name, raw string
		want      []string
	}{
		{"a byte order mark", "\xef\xbb\xbf{\"name\":\"a\"," + valid + "}", []string{"the document begins with a byte order mark; remove it"}},
		{"a second document", `{"name":"a",` + valid + "}\n{}", []string{"line 2, column 1: something follows the document; a file holds one"}},
		{"a duplicate key", `{"name":"a","name":"b",` + valid + `}`, []string{"name: duplicate key; it stands in the same object before"}},
		{"a duplicate key by escape", `{"name":"a","n\u0061me":"b",` + valid + `}`, []string{"name: duplicate key; it stands in the same object before"}},
		{"a duplicate variable", `{"name":"a","env":{"A":"1","A":"2"},` + valid + `}`, []string{"env.A: duplicate key; it stands in the same object before"}},
		{"a key in another case", `{"name":"a","NAME":"b",` + valid + `}`, []string{"NAME: unknown field; case matters: write name"}},
		{"only a key in another case", `{"Name":"a",` + valid + `}`, []string{"Name: unknown field; case matters: write name", "name: is missing; it is required"}},
		{"a key that folds beyond ASCII", `{"name":"a","re` + "ſ" + `ources":{},` + valid + `}`, []string{`["re\u017fources"]: unknown field; case matters: write resources`}},
		{"a Kelvin sign", `{"name":"a","checkRestart":{},"chec` + "\u212a" + `Restart":{},` + valid + `}`, []string{`["chec\u212aRestart"]: unknown field; case matters: write checkRestart`}},
		{"a misspelt key", `{"name":"a","conut":1,` + valid + `}`, []string{"conut: unknown field; is count meant?"}},
		{"an unknown key", `{"name":"a","replicas":1,` + valid + `}`, []string{"replicas: unknown field"}},
		{"an unknown key inside", `{"name":"a","resources":{"ram":"1Gi"},` + valid + `}`, []string{"resources.ram: unknown field"}},
		{"a Go name", `{"name":"a","__proto__":{},` + valid + `}`, []string{"__proto__: unknown field"}},
		{"an empty key", `{"name":"a","":1,` + valid + `}`, []string{`[""]: unknown field`}},
		{"a key with a control character", `{"name":"a","labels":{"a\u0000":"b"},` + valid + `}`, []string{
			`labels["a\x00"]: the key has a control character`, `labels["a\x00"]: a key has letters, digits and . _ / - only`,
		}},
		{"null for a field", `{"name":"a","owner":null,` + valid + `}`, []string{"owner: null is no value; leave the field out instead"}},
		{"null in a list", `{"name":"a","ports":[null],` + valid + `}`, []string{"ports[0]: null is no value; leave the field out instead"}},
		{"null for a count", `{"name":"a","count":null,` + valid + `}`, []string{"count: null is no value; leave the field out instead"}},
		{"bad UTF-8 in a string", "{\"name\":\"a\",\"owner\":\"\xff\"," + valid + "}", []string{"owner: has a byte that is not UTF-8 (0xff)"}},
		{"an overlong encoding", "{\"name\":\"a\",\"owner\":\"\xc0\xaf\"," + valid + "}", []string{"owner: has a byte that is not UTF-8 (0xc0)"}},
		{"a surrogate in UTF-8", "{\"name\":\"a\",\"owner\":\"\xed\xa0\x80\"," + valid + "}", []string{"owner: has a byte that is not UTF-8 (0xed)"}},
		{"a lone high surrogate", `{"name":"a","owner":"\ud800",` + valid + `}`, []string{`owner: has half of a surrogate pair (\ud800 to \udfff alone)`}},
		{"a lone low surrogate", `{"name":"a","owner":"x\udc00",` + valid + `}`, []string{`owner: has half of a surrogate pair (\ud800 to \udfff alone)`}},
		{"surrogates in the wrong order", `{"name":"a","owner":"\udc00\ud800",` + valid + `}`, []string{`owner: has half of a surrogate pair (\ud800 to \udfff alone)`}},
		{"a raw newline in a string", "{\"name\":\"a\",\"owner\":\"a\nb\"," + valid + "}", []string{"owner: has a raw control character (0x0a)"}},
		{"a raw tab in an argument", "{\"name\":\"a\",\"path\":\"" + somePath + "\",\"command\":[\"bin/a\",\"\t\"]}", []string{"command[1]: has a raw control character (0x09)"}},
		{"a raw DEL", "{\"name\":\"a\",\"owner\":\"\x7f\"," + valid + "}", []string{"owner: has a raw control character (0x7f)"}},
		{"an escaped DEL", `{"name":"a","owner":"\u007f",` + valid + `}`, []string{"owner: has a control character (0x7f)"}},
		{"an escaped bell", `{"name":"a","meta":{"a":"\u0007"},` + valid + `}`, []string{"meta.a: has a control character (0x7)"}},
		{"an escaped newline in a label", `{"name":"a","labels":{"a":"b\n"},` + valid + `}`, []string{"labels.a: has a control character (0xa)"}},
		{"a carriage return in an argument", `{"name":"a","path":"` + somePath + `","command":["bin/a","\r"]}`, []string{"command[1]: has a control character (0xd)"}},
		{"NUL in an argument", `{"name":"a","path":"` + somePath + `","command":["bin/a","x\u0000y"]}`, []string{"command[1]: has a control character (0x0)"}},
		{"NUL in a variable", `{"name":"a","env":{"A":"\u0000"},` + valid + `}`, []string{"env.A: has a control character (0x0)"}},
		{"many at once, each with its path", `{"name":"A","count":-1,"resources":{"cpu":"x","memory":"1gb"},"path":7,"command":["/bin/sh","$"]}`, []string{
			`name: "A": write it in lower case`,
			`count: -1 is out of range; it is 0 to 100000`,
			`resources.cpu: "x" is not a quantity; write 500m (thousandths of a CPU) or 2`,
			`resources.memory: "1gb" is not a quantity; write 1Gi (binary) or 1G (decimal)`,
			"path: a string is due here, not a number; write it in double quotes",
			`command[0]: "/bin/sh": it is absolute; name it relative to the path, such as bin/hello`,
			"command[1]: a lone $ is not a variable; write $$ for a dollar sign",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := units.ParseApp([]byte(c.raw))
			if diff := cmp.Diff(c.want, lines(err)); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

func TestNumbersHaveOneSpelling(t *testing.T) {
	for name, text := range map[string]string{
		"a fraction": "1.0", "an exponent": "1e1", "a large exponent": "1E+2", "a negative zero": "-0", "a leading zero": "01",
		"a plus sign": "+1", "hexadecimal": "0x1", "a point first": ".5", "a point last": "1.", "only a minus": "-", "two signs": "--1",
		"a separator": "1e", "letters": "1abc",
	} {
		_, err := units.ParseApp(document(t, nil))
		if err != nil {
			t.Fatal(err)
		}
		raw := []byte(`{"name":"a","priority":` + text + `,` + valid + `}`)
		_, err = units.ParseApp(raw)
		want := `priority: "` + text + `" is not a plain whole number; write digits only`
		if got := lines(err); len(got) != 1 || got[0] != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	for name, text := range map[string]string{
		"below": "0", "above": "101", "far above": "99999999999999999999999", "far below": "-99999999999999999999999",
	} {
		_, err := units.ParseApp([]byte(`{"name":"a","priority":` + text + `,` + valid + `}`))
		if want := "priority: " + text + " is out of range; it is 1 to 100"; len(lines(err)) != 1 || lines(err)[0] != want {
			t.Errorf("%s: got %q, want %q", name, lines(err), want)
		}
	}
}

func TestWhatIsUnusualAndClearIsAccepted(t *testing.T) {
	for name, raw := range map[string]string{
		"white space everywhere":       " {\r\n\t\"name\" : \"a\" , " + valid + " } \n",
		"escapes in text":              `{"name":"\u0061","owner":"\"\\\/ \ud83d\ude00 é",` + valid + `}`,
		"text beyond ASCII":            `{"name":"a","owner":"Zoë 😀",` + valid + `}`,
		"tab and newline in arguments": `{"name":"a","path":"` + somePath + `","command":["bin/a","a\tb\nc","% ; $$","",""]}`,
		"tab and newline in variables": `{"name":"a","env":{"A":"a\tb\nc","B":""},` + valid + `}`,
		"variables differing in case":  `{"name":"a","env":{"a":"1","A":"2"},` + valid + `}`,
		"a schema's place":             `{"$schema":"./app.schema.json","name":"a",` + valid + `}`,
	} {
		if _, err := units.ParseApp([]byte(raw)); err != nil {
			t.Errorf("%s:\n%v", name, err)
		}
	}
}
