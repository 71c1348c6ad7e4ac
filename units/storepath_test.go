package units_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nsched/nsched/units"
)

func TestParseStorePathAccepts(t *testing.T) {
	for name, base := range map[string]string{
		"an ordinary name":            "hello-2.12",
		"every character":             "AZaz09+-._?=",
		"one character":               "x",
		"211 characters":              strings.Repeat("n", 211),
		"a name that begins with dot": ".hidden",
		"three dots":                  "...",
		"drv inside the name":         "a.drv.out",
		"a name that is drv":          "drv",
	} {
		text := units.StoreDir + hash + "-" + base
		p, err := units.ParseStorePath(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.Hash() != hash || p.Name() != base || string(p) != text {
			t.Errorf("%s: hash %q, name %q", name, p.Hash(), p.Name())
		}
	}
}

func TestParseStorePathRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                     "",
		"a relative path":             "./result",
		"another store":               "/gnu/store/" + hash + "-hello",
		"the store itself":            "/nix/store",
		"the store with a slash":      "/nix/store/",
		"a doubled slash":             "/nix/store//" + hash + "-hello",
		"a file beneath the path":     somePath + "/bin/hello",
		"a final slash":               somePath + "/",
		"no name":                     units.StoreDir + hash,
		"an empty name":               units.StoreDir + hash + "-",
		"a short hash":                units.StoreDir + hash[1:] + "-hello",
		"a long hash":                 units.StoreDir + hash + "0-hello",
		"e in the hash":               units.StoreDir + "e" + hash[1:] + "-hello",
		"o in the hash":               units.StoreDir + "o" + hash[1:] + "-hello",
		"u in the hash":               units.StoreDir + "u" + hash[1:] + "-hello",
		"t in the hash":               units.StoreDir + "t" + hash[1:] + "-hello",
		"upper case in the hash":      units.StoreDir + strings.ToUpper(hash) + "-hello",
		"an underscore for the dash":  units.StoreDir + hash + "_hello",
		"a name that is a dot":        units.StoreDir + hash + "-.",
		"a name that is two dots":     units.StoreDir + hash + "-..",
		"a name of dot and dash":      units.StoreDir + hash + "-.-x",
		"a name of two dots and dash": units.StoreDir + hash + "-..-x",
		"a derivation":                units.StoreDir + hash + "-hello.drv",
		"212 characters":              units.StoreDir + hash + "-" + strings.Repeat("n", 212),
		"300 characters":              units.StoreDir + hash + "-" + strings.Repeat("n", 300),
		"a space":                     somePath + " ",
		"a newline":                   somePath + "\n",
		"NUL":                         somePath + "\x00",
		"a letter beyond ASCII":       somePath + "é",
		"dots that lead out":          "/nix/store/../../etc/passwd",
		"an output selector":          somePath + "^out",
	} {
		if p, err := units.ParseStorePath(text); !errors.Is(err, units.ErrStorePath) {
			t.Errorf("%s: ParseStorePath(%q) = %q, %v", name, text, p, err)
		}
	}
}

func TestPartsOfWhatIsNoStorePathAreEmpty(t *testing.T) {
	for _, p := range []units.StorePath{"", "/nix/store/", "x", "/nix/store/abc"} {
		if p.Hash() != "" || p.Name() != "" {
			t.Errorf("%q has hash %q and name %q", p, p.Hash(), p.Name())
		}
	}
}
