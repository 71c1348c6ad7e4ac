package nix

import (
	"fmt"
	"strings"

	"github.com/nsched/nsched/units"
)

func baseName(p units.StorePath) string { return strings.TrimPrefix(string(p), units.StoreDir) }

// parseMember reads a path as it may stand inside a closure. That is what an app may name as its path,
// and derivations too: an output can hold the name of the derivation that made something.
func parseMember(text string) (units.StorePath, error) {
	if stem, ok := strings.CutSuffix(text, ".drv"); ok {
		if _, err := units.ParseStorePath(stem); err != nil {
			return "", err
		}
		return units.StorePath(text), nil
	}
	return units.ParseStorePath(text)
}

// parseMemberBase reads a path without the store's directory, as narinfo files have it.
func parseMemberBase(base string) (units.StorePath, error) {
	if strings.Contains(base, "/") {
		return "", fmt.Errorf("%q holds a slash", clip(base))
	}
	return parseMember(units.StoreDir + base)
}
