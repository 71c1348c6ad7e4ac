package nix

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/units"
)

const (
	hashA = "sha256-csFjbdV9AhQRy+U4xE4eptrZsn6HBLFTJViDKr1VihU="
	hexA  = "72c1636dd57d021411cbe538c44e1ea6dad9b27e8704b1532558832abd558a15"
	sigA  = "k1:UGy4oC65ZrPuYu6PDvU9rJlzidDAlr8SJgOK/D520B++tCDbY9zdkWga6W5Ez2BcOloBnFz7csyOp9/18ptTCg=="
	baseA = "1abyanf5iwrk46xxz2vn2z62ry50isqy-app"
	baseB = "7mz1ws9hrisjd9z5w239j7dn96yr4c2p-lib"
)

// Nix has printed `path-info --json` in several shapes; all must give the same.
func TestPathInfoIsReadInTheShapesOfEveryNix(t *testing.T) {
	shapes := map[string]string{
		"a list, as 2.8 prints it": `[{"path":"/nix/store/` + baseA + `","narHash":"` + hashA + `","narSize":504,
			"references":["/nix/store/` + baseB + `"],"deriver":"/nix/store/` + baseA + `.drv","registrationTime":1,"ultimate":true,
			"signatures":["` + sigA + `"],"ca":"fixed:r:sha256:x"}]`,
		"a map by path, since 2.19": `{"/nix/store/` + baseA + `":{"ca":"fixed:r:sha256:x","deriver":null,"narHash":"` + hashA + `",
			"narSize":504,"references":["/nix/store/` + baseB + `"],"registrationTime":1,"signatures":["` + sigA + `"],"ultimate":true}}`,
		"a map by base name, wrapped, with structured hashes": `{"version":2,"storeDir":"/nix/store","info":{"` + baseA + `":{
			"ca":"fixed:r:sha256:x","narHash":{"algorithm":"sha256","format":"base16","hash":"` + hexA + `"},"narSize":504,
			"references":["` + baseB + `"],"signatures":[{"keyName":"k1","sig":"` + strings.TrimPrefix(sigA, "k1:") + `"}]}}}`,
	}
	hash, err := ParseHash(hashA)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := ParseSignature(sigA)
	if err != nil {
		t.Fatal(err)
	}
	want := []PathInfo{{
		Path: "/nix/store/" + baseA, NarHash: hash, NarSize: 504,
		References: []units.StorePath{"/nix/store/" + baseB}, Signatures: []Signature{sig}, CA: "fixed:r:sha256:x",
	}}
	for name, text := range shapes {
		t.Run(name, func(t *testing.T) {
			got, err := parsePathInfo([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPathInfoOfAnAbsentPath(t *testing.T) {
	for name, text := range map[string]string{
		"in a list": `[{"path":"/nix/store/` + baseA + `","valid":false}]`,
		"in a map":  `{"/nix/store/` + baseA + `":null}`,
	} {
		if _, err := parsePathInfo([]byte(text)); !errors.Is(err, ErrAbsent) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func TestPathInfoThatCannotBeRead(t *testing.T) {
	for _, text := range []string{
		``, `null`, `"x"`, `[`, `{`, `[{"path":"/etc/passwd"}]`, `[{"path":"/nix/store/` + baseA + `"}]`,
		`[{"path":"/nix/store/` + baseA + `","narHash":"` + hashA + `","references":["../x"]}]`,
	} {
		if got, err := parsePathInfo([]byte(text)); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

func TestAClosureThatIsNotClosedIsRefused(t *testing.T) {
	a, b := PathInfo{Path: "/nix/store/" + baseA}, PathInfo{Path: "/nix/store/" + baseB}
	a.References = []units.StorePath{b.Path}
	cases := map[string]struct {
		paths []PathInfo
		whole bool
	}{
		"all is there":              {[]PathInfo{a, b}, true},
		"the path itself is absent": {[]PathInfo{b}, false},
		"a reference is absent":     {[]PathInfo{a}, false},
	}
	for name, c := range cases {
		if err := (ClosureInfo{Path: a.Path, Paths: c.paths}).closed(); (err == nil) != c.whole {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNixsWordsNameTheReasonWhereNoCacheCanBeAsked(t *testing.T) {
	cases := []struct {
		name, messages string
		kind           error
	}{
		{"2.8, nothing has it", "don't know how to build these paths:\n  /nix/store/x\nerror: build of '/nix/store/x' failed", ErrNotFound},
		{"newer, nothing has it", "error: path '/nix/store/x' does not exist and cannot be created", ErrNotFound},
		{"newer, a dependency is gone", "error: path '/nix/store/x' is required, but there is no substituter that can build it", ErrNotFound},
		{"2.8, the cache is down", "warning: unable to download 'http://c/nix-cache-info': Couldn't connect to server (7)\ndon't know how to build these paths:\n", ErrFetch},
		{"2.8, wrong key", "warning: the substitute for '/nix/store/x' from 'http://c' is not signed by any of the keys in 'trusted-public-keys'\nerror: build of 'x' failed", ErrBadSignature},
		{"newer, wrong key", "error: cannot add path '/nix/store/x' because it lacks a signature by a trusted key", ErrBadSignature},
		{"wrong hash", "error: hash mismatch importing path '/nix/store/x';\n  specified: a\n  got: b", ErrFetch},
		{"something else", "error: opening lock file '/nix/var/nix/db/big-lock': Permission denied", ErrNix},
		{"nothing at all", "", ErrNix},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if err := inWords("/nix/store/"+baseA, c.messages); !errors.Is(err, c.kind) {
				t.Errorf("error is %v, want %v", err, c.kind)
			}
		})
	}
}

func TestMessagesLoseTheirColoursAndPasswords(t *testing.T) {
	line := parseLogLine("@nix {\"action\":\"msg\",\"level\":0,\"msg\":\"\\u001b[31;1merror:\\u001b[0m unable to download 'http://u:p@c/x'\\u0007\"}")
	got := lastLine(redact(line.message, []string{"http://u:p@c"}))
	if want := "unable to download 'http://c/x'"; got != want {
		t.Errorf("a person reads %q, want %q", got, want)
	}
}

// The law: progress never tells more than there is at its end, however events are broken.
func FuzzLogLines(f *testing.F) {
	f.Add(`@nix {"action":"start","fields":["/nix/store/x","http://c","local"],"id":1,"level":3,"type":100}`)
	f.Add(`@nix {"action":"result","fields":[8192,20000472,0,0],"id":1,"type":105}`)
	f.Add(`@nix {"action":"result","fields":[100,504],"id":2,"type":106}`)
	f.Add("error: x")
	f.Fuzz(func(t *testing.T, text string) {
		m := newMeter(nil)
		for line := range strings.SplitSeq(text, "\n") {
			m.event(parseLogLine(line))
		}
		m.finish()
		if m.now.Done != m.now.Total {
			t.Fatal(fmt.Sprint("finished with ", m.now))
		}
	})
}

func TestOurSettingsWinOverThoseThatAreThere(t *testing.T) {
	got := environment([]string{"A=b", "NIX_CONFIG=sandbox = false\nmax-jobs = 7"}, []string{"max-jobs = 0"})
	want := []string{"A=b", "NIX_CONFIG=sandbox = false\nmax-jobs = 7\nmax-jobs = 0\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}
