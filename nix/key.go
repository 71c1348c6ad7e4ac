package nix

import (
	"crypto/ed25519"
	"encoding/base64"
	"slices"
	"strings"
)

// PublicKey is a key that signs store paths, in Nix' form "name:base64".
type PublicKey struct {
	Name string
	Key  [ed25519.PublicKeySize]byte
}

// ParsePublicKey reads the form that `nix-store --generate-binary-cache-key` writes and that
// trusted-public-keys holds. Surrounding white space is not part of it.
func ParsePublicKey(s string) (PublicKey, error) {
	name, text, ok := strings.Cut(s, ":")
	if !ok || !validKeyName(name) {
		return PublicKey{}, fail(ErrInvalid, "", "public key %q is not of the form name:base64", clip(s))
	}
	b, err := decode64(text)
	if err != nil || len(b) != ed25519.PublicKeySize {
		return PublicKey{}, fail(ErrInvalid, "",
			"public key %q does not hold the 32 bytes of an ed25519 key in base64 (is it a secret key?)", clip(name))
	}
	return PublicKey{Name: name, Key: [ed25519.PublicKeySize]byte(b)}, nil
}

// ParsePublicKeys reads several; the first bad one is the error.
func ParsePublicKeys(texts []string) ([]PublicKey, error) {
	keys := make([]PublicKey, 0, len(texts))
	for _, s := range texts {
		k, err := ParsePublicKey(s)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func (k PublicKey) String() string {
	return k.Name + ":" + base64.StdEncoding.EncodeToString(k.Key[:])
}

// Narrow returns the keys of trusted that are also in wanted, by name and by value. An empty wanted
// narrows nothing. It never returns a key that trusted does not hold.
func Narrow(trusted, wanted []PublicKey) []PublicKey {
	if len(wanted) == 0 {
		return slices.Clone(trusted)
	}
	var kept []PublicKey
	for _, k := range trusted {
		if slices.Contains(wanted, k) {
			kept = append(kept, k)
		}
	}
	return kept
}

// Signature is one signature over a path's fingerprint, in Nix' form "name:base64".
type Signature struct {
	Name  string
	Bytes [ed25519.SignatureSize]byte
}

// ParseSignature reads "name:base64".
func ParseSignature(s string) (Signature, error) {
	name, text, ok := strings.Cut(s, ":")
	if !ok || !validKeyName(name) {
		return Signature{}, fail(ErrInvalid, "", "signature %q is not of the form name:base64", clip(s))
	}
	b, err := decode64(text)
	if err != nil || len(b) != ed25519.SignatureSize {
		return Signature{}, fail(ErrInvalid, "", "signature by %q does not hold 64 bytes in base64", clip(name))
	}
	return Signature{Name: name, Bytes: [ed25519.SignatureSize]byte(b)}, nil
}

func (s Signature) String() string {
	return s.Name + ":" + base64.StdEncoding.EncodeToString(s.Bytes[:])
}

// validKeyName accepts what can stand in Nix' configuration: lists are split at white space there, and #
// begins a comment.
func validKeyName(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || c == ':' || c == '#' {
			return false
		}
	}
	return true
}
