package nix_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nsched/nsched/nix"
)

const sample = `StorePath: /nix/store/1abyanf5iwrk46xxz2vn2z62ry50isqy-app-1
URL: nar/1ll2pym1f7g1p2m13rplhr88fxpypph7znsf5m7xya7zqjcqrr7r.nar.xz
Compression: xz
FileHash: sha256:1ll2pym1f7g1p2m13rplhr88fxpypph7znsf5m7xya7zqjcqrr7r
FileSize: 216
NarHash: sha256:05caanyjm0sq4m9v2147gsrdknm63r7c8f75rc8i80kxsmnn7hbj
NarSize: 504
References: 7mz1ws9hrisjd9z5w239j7dn96yr4c2p-lib-1
Deriver: 7wa02rmjsr35dydg8c7v25c5gcllv6gv-app-1.drv
Sig: k1:UGy4oC65ZrPuYu6PDvU9rJlzidDAlr8SJgOK/D520B++tCDbY9zdkWga6W5Ez2BcOloBnFz7csyOp9/18ptTCg==
`

const sampleKey = "k1:wZF49IgL9udWVfwBWEwA7JObeMwswyJTHslfc1zuaiU="

func TestANarinfoThatNixWroteIsReadVerifiedAndPrintedBack(t *testing.T) {
	n, err := nix.ParseNarinfo(sample)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample, n.String()); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
	key, err := nix.ParsePublicKey(sampleKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Check([]nix.PublicKey{key}); err != nil {
		t.Errorf("check: %v", err)
	}
	want := "1;/nix/store/1abyanf5iwrk46xxz2vn2z62ry50isqy-app-1;" +
		"sha256:05caanyjm0sq4m9v2147gsrdknm63r7c8f75rc8i80kxsmnn7hbj;504;/nix/store/7mz1ws9hrisjd9z5w239j7dn96yr4c2p-lib-1"
	if n.Fingerprint() != want {
		t.Errorf("fingerprint is %q", n.Fingerprint())
	}
}

func TestEveryNarinfoOfARealCacheIsPrintedBack(t *testing.T) {
	b := newBench(t, "xz")
	files, err := filepath.Glob(filepath.Join(b.dir, "*.narinfo"))
	if err != nil || len(files) != 3 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		n, err := nix.ParseNarinfo(string(text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(text), n.String()); diff != "" {
			t.Errorf("printed (-want +got):\n%s", diff)
		}
	}
}

func TestAnyChangeOfWhatIsSignedBreaksTheSignature(t *testing.T) {
	key, err := nix.ParsePublicKey(sampleKey)
	if err != nil {
		t.Fatal(err)
	}
	changes := [][2]string{
		{"1abyanf5iwrk46xxz2vn2z62ry50isqy-app-1\nURL", "2abyanf5iwrk46xxz2vn2z62ry50isqy-app-1\nURL"},
		{"NarHash: sha256:05", "NarHash: sha256:06"},
		{"NarSize: 504", "NarSize: 505"},
		{"References: 7mz1ws9hrisjd9z5w239j7dn96yr4c2p-lib-1", "References: "},
		{"Sig: k1:UG", "Sig: k1:VG"},
	}
	for _, c := range changes {
		n, err := nix.ParseNarinfo(strings.Replace(sample, c[0], c[1], 1))
		if err != nil {
			t.Fatal(err)
		}
		wantError(t, n.Check([]nix.PublicKey{key}), nix.ErrBadSignature, nix.ErrPermanent)
	}
}

func TestMalformedNarinfosAreRefused(t *testing.T) {
	cases := map[string]string{
		"nothing":                       "",
		"a page of HTML":                "<!doctype html>\n",
		"a last line without an end":    strings.TrimSuffix(sample, "\n"),
		"an empty line":                 sample + "\n",
		"no path":                       strings.Replace(sample, "StorePath: ", "Other: ", 1),
		"no hash":                       strings.Replace(sample, "NarHash: ", "Other: ", 1),
		"no size":                       strings.Replace(sample, "NarSize: ", "Other: ", 1),
		"no URL":                        strings.Replace(sample, "URL: ", "Other: ", 1),
		"a path twice":                  sample + "StorePath: /nix/store/1abyanf5iwrk46xxz2vn2z62ry50isqy-app-1\n",
		"references twice":              sample + "References: \n",
		"a reference with a slash":      strings.Replace(sample, "7mz1ws9hrisjd9z5w239j7dn96yr4c2p-lib-1", "../7mz1ws9hrisjd9z5w239j7dn96yr4c2p-lib-1", 1),
		"a path of another store":       strings.Replace(sample, "/nix/store/", "/gnu/store/", 1),
		"a size of zero":                strings.Replace(sample, "NarSize: 504", "NarSize: 0", 1),
		"a negative size":               strings.Replace(sample, "NarSize: 504", "NarSize: -1", 1),
		"a size beyond 63 bits":         strings.Replace(sample, "NarSize: 504", "NarSize: 9223372036854775808", 1),
		"a hash of another kind":        strings.Replace(sample, "NarHash: sha256:", "NarHash: sha512:", 1),
		"a hash that is too short":      strings.Replace(sample, "NarHash: sha256:0", "NarHash: sha256:", 1),
		"a hash that does not fit":      strings.Replace(sample, "NarHash: sha256:0", "NarHash: sha256:z", 1),
		"a signature without a name":    strings.Replace(sample, "Sig: k1:", "Sig: :", 1),
		"a signature that is too short": strings.Replace(sample, "Sig: k1:UGy4", "Sig: k1:", 1),
		"a control character":           strings.Replace(sample, "app-1.drv", "app-1\x00.drv", 1),
		"a carriage return":             strings.ReplaceAll(sample, "\n", "\r\n"),
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := nix.ParseNarinfo(text)
			wantError(t, err, nix.ErrInvalid, nix.ErrPermanent)
		})
	}
}

// The law: what is accepted prints to a text that is read as the same value, and prints the same again.
func FuzzNarinfoRoundTrips(f *testing.F) {
	f.Add(sample)
	f.Add(sample + "CA: fixed:r:sha256:0lsdx1cq6hp2vjqwp7npsi5p9aj2062al51fib95c7fadqzl9l6a\nX: y\n")
	f.Add("StorePath: /nix/store/1abyanf5iwrk46xxz2vn2z62ry50isqy-a\nURL: x\nNarHash: sha256-csFjbdV9AhQRy+U4xE4eptrZsn6HBLFTJViDKr1VihU=\nNarSize: 1\n")
	f.Add("References: \nDeriver: unknown-deriver\n")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := nix.ParseNarinfo(text)
		if err != nil {
			return
		}
		printed := n.String()
		again, err := nix.ParseNarinfo(printed)
		if err != nil {
			t.Fatalf("%q was accepted, but prints to %q: %v", text, printed, err)
		}
		if diff := cmp.Diff(n, again); diff != "" {
			t.Fatalf("%q prints to another value:\n%s", text, diff)
		}
		if again.String() != printed {
			t.Fatalf("%q prints in two ways", text)
		}
	})
}

func TestHashesRoundTripInEverySpelling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := nix.Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash"))
		got, err := nix.ParseHash(h.String())
		if err != nil || got != h {
			t.Fatalf("%s is read as %s, %v", h, got, err)
		}
	})
}

func TestHashesAreReadInTheSpellingsOfEveryNix(t *testing.T) {
	want := "sha256:05caanyjm0sq4m9v2147gsrdknm63r7c8f75rc8i80kxsmnn7hbj"
	for _, s := range []string{
		want,
		"sha256-csFjbdV9AhQRy+U4xE4eptrZsn6HBLFTJViDKr1VihU=",
		"sha256:csFjbdV9AhQRy+U4xE4eptrZsn6HBLFTJViDKr1VihU=",
		"sha256:72c1636dd57d021411cbe538c44e1ea6dad9b27e8704b1532558832abd558a15",
	} {
		h, err := nix.ParseHash(s)
		if err != nil || h.String() != want {
			t.Errorf("%s is read as %s, %v", s, h, err)
		}
	}
	for _, s := range []string{"", "sha256:", "sha256-", "md5:x", want + "0", "sha256:e5caanyjm0sq4m9v2147gsrdknm63r7c8f75rc8i80kxsmnn7hbj"} {
		if _, err := nix.ParseHash(s); err == nil {
			t.Errorf("%q was accepted", s)
		}
	}
}

func TestMalformedKeysAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":             "",
		"a name alone":        "k1",
		"no name":             sampleKey[2:],
		"a name with a space": "k 1" + sampleKey[2:],
		"a name with a #":     "k#" + sampleKey[2:],
		"a secret key":        "k1:UGy4oC65ZrPuYu6PDvU9rJlzidDAlr8SJgOK/D520B++tCDbY9zdkWga6W5Ez2BcOloBnFz7csyOp9/18ptTCg==",
		"a line break":        sampleKey + "\n",
		"no base 64":          "k1:????",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := nix.ParsePublicKeys([]string{sampleKey, text})
			wantError(t, err, nix.ErrInvalid, nix.ErrPermanent)
			if err != nil && strings.Contains(err.Error(), "UGy4") {
				t.Errorf("error %q shows a secret", err)
			}
		})
	}
}

// The law: narrowing never gives a key that was not trusted, and naming nothing takes nothing away.
func TestNarrowOnlyTakesAway(t *testing.T) {
	key := rapid.Custom(func(t *rapid.T) nix.PublicKey {
		return nix.PublicKey{Name: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name"), Key: [32]byte{rapid.ByteRange(0, 2).Draw(t, "key")}}
	})
	rapid.Check(t, func(t *rapid.T) {
		trusted := rapid.SliceOf(key).Draw(t, "trusted")
		wanted := rapid.SliceOf(key).Draw(t, "wanted")
		got := nix.Narrow(trusted, wanted)
		in := func(list []nix.PublicKey, k nix.PublicKey) bool {
			for _, x := range list {
				if x == k {
					return true
				}
			}
			return false
		}
		for _, k := range trusted {
			if should := len(wanted) == 0 || in(wanted, k); should != in(got, k) {
				t.Fatalf("key %v: kept %v, want %v", k, !should, should)
			}
		}
		for _, k := range got {
			if !in(trusted, k) {
				t.Fatalf("key %v was granted", k)
			}
		}
	})
}
