package units_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/units"
)

func resolver(text string) (units.StorePath, error) {
	if strings.Contains(text, "missing") {
		return "", fmt.Errorf("follow %q: no such file", text)
	}
	return somePath, nil
}

func TestResolvePathsChangesPathsAlone(t *testing.T) {
	for _, c := range []struct{ name, raw, want string }{
		{"a link", "{ \"path\" :\t\"./result\" ,\r\n\"name\":\"\\u0061\" }\n", "{ \"path\" :\t\"" + somePath + "\" ,\r\n\"name\":\"\\u0061\" }\n"},
		{"a link written with escapes", `{"path":".\/re\u0073ult"}`, `{"path":"` + somePath + `"}`},
		{"several systems", `{"paths":{"x86_64-linux":"a","aarch64-linux":"` + somePath + `-x","y":"b"}}`, `{"paths":{"x86_64-linux":"` + somePath + `","aarch64-linux":"` + somePath + `-x","y":"` + somePath + `"}}`},
		{"a store path", `{"path":"` + somePath + `"}`, `{"path":"` + somePath + `"}`},
		{"a broken store path", `{"path":"/nix/store/../x"}`, `{"path":"/nix/store/../x"}`},
		{"a number", `{"path":5}`, `{"path":5}`},
		{"an empty text", `{"path":""}`, `{"path":""}`},
		{"NUL", `{"path":"a\u0000"}`, `{"path":"a\u0000"}`},
		{"a path that is none of the app's", `{"cache":{"path":"./x"},"env":{"path":"./x"},"paths":["./x"]}`, `{"cache":{"path":"./x"},"env":{"path":"./x"},"paths":["./x"]}`},
		{"a second path is left to the parser", `{"path":"a","path":"b"}`, `{"path":"` + somePath + `","path":"b"}`},
		{"no document", `{"path":`, `{"path":`},
		{"a list", `["path"]`, `["path"]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := units.ResolvePaths([]byte(c.raw), resolver)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

func TestResolvePathsReportsEachFailure(t *testing.T) {
	_, err := units.ResolvePaths([]byte(`{"path":"missing1","paths":{"x":"ok","y":"missing2"}}`), resolver)
	want := []string{`path: follow "missing1": no such file`, `paths.y: follow "missing2": no such file`}
	if diff := cmp.Diff(want, lines(err)); diff != "" || !errors.Is(err, units.ErrInvalid) {
		t.Fatal(err, diff)
	}
}

func TestAResolvedDocumentIsValid(t *testing.T) {
	raw, err := units.ResolvePaths(document(t, map[string]string{"path": `"./result"`}), resolver)
	if err != nil {
		t.Fatal(err)
	}
	if app := mustParse(t, raw); app.Path != somePath {
		t.Fatal(app.Path)
	}
}
