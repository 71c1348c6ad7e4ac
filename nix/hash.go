package nix

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Hash is a SHA-256, the only kind that Nix uses for NARs. Its text form is Nix' own:
// "sha256:" and 52 characters of Nix' base 32.
type Hash [32]byte

const alphabet = "0123456789abcdfghijklmnpqrsvwxyz"

// hashChars is ceil(256 / 5): the top character holds one bit.
const hashChars = 52

// String is the form that signatures are made over.
func (h Hash) String() string {
	var b [hashChars]byte
	for n := range b {
		// Nix counts bits from the end: character 0 holds the highest ones.
		bit := (hashChars - 1 - n) * 5
		i, j := bit/8, bit%8
		c := h[i] >> j
		if i+1 < len(h) {
			c |= h[i+1] << (8 - j)
		}
		b[n] = alphabet[c&0x1f]
	}
	return "sha256:" + string(b[:])
}

// ParseHash reads the spellings that Nix versions print for a SHA-256: "sha256:" with base 32, base 16
// or base 64, and the SRI form "sha256-<base 64>".
func ParseHash(s string) (Hash, error) {
	if rest, ok := strings.CutPrefix(s, "sha256-"); ok {
		return fixed(decode64(rest))
	}
	rest, ok := strings.CutPrefix(s, "sha256:")
	if !ok {
		return Hash{}, fmt.Errorf("hash %q is not a sha256", clip(s))
	}
	switch len(rest) {
	case hashChars:
		return parseBase32(rest)
	case hex.EncodedLen(32):
		return fixed(hex.DecodeString(rest))
	case base64.StdEncoding.EncodedLen(32):
		return fixed(decode64(rest))
	}
	return Hash{}, fmt.Errorf("hash %q has a wrong length", clip(s))
}

// decode64 is strict: Go's decoder passes over line breaks, and two texts must not mean one value.
func decode64(s string) ([]byte, error) {
	if !printable(s) {
		return nil, errors.New("base 64 holds a control character")
	}
	return base64.StdEncoding.Strict().DecodeString(s)
}

func fixed(b []byte, err error) (Hash, error) {
	if err != nil {
		return Hash{}, fmt.Errorf("decode hash: %w", err)
	}
	if len(b) != 32 {
		return Hash{}, fmt.Errorf("hash has %d bytes, not 32", len(b))
	}
	return Hash(b), nil
}

func parseBase32(s string) (Hash, error) {
	var h Hash
	for n := range hashChars {
		d := strings.IndexByte(alphabet, s[hashChars-1-n])
		if d < 0 {
			return Hash{}, fmt.Errorf("hash holds %q, which is not in Nix' base 32", s[hashChars-1-n])
		}
		bit := n * 5
		i, j := bit/8, bit%8
		h[i] |= byte(d << j)
		if carry := byte(d >> (8 - j)); i+1 < len(h) {
			h[i+1] |= carry
		} else if carry != 0 {
			return Hash{}, fmt.Errorf("hash %q does not fit 256 bits", s)
		}
	}
	return h, nil
}

// clip keeps foreign text short enough for one line of a message.
func clip(s string) string { return clipTo(s, 120) }
