package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// identityFile is the node's private key, in the state directory.
const identityFile = "node.key"

// nodeIdentity returns the node's public key in base64. The pair is made once: whoever comes second,
// also at the same moment, takes what the first made. Losing the file makes this another machine, which
// the cluster refuses under the old name.
func nodeIdentity(stateDir string) (string, error) {
	file := filepath.Join(stateDir, identityFile)
	key, err := readIdentity(file)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeIdentity(file); err != nil {
			return "", fmt.Errorf("make the node's key: %w", err)
		}
		key, err = readIdentity(file)
	}
	if err != nil {
		return "", fmt.Errorf("read the node's key: %w", err)
	}
	public, _ := key.Public().(ed25519.PublicKey)
	return base64.StdEncoding.EncodeToString(public), nil
}

func readIdentity(file string) (ed25519.PrivateKey, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("%s holds no key in PEM", file)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds no ed25519 key", file)
	}
	return key, nil
}

// makeIdentity writes a new key beside the file and links it there, which fails when another process was
// faster: a key that was seen once is never replaced. It is durable when it returns.
func makeIdentity(file string) (err error) {
	dir := filepath.Dir(file)
	// Open to all: the units' users come through it to the shim. The key has its own mode.
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	next, err := os.CreateTemp(dir, ".key-") // with mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, next.Close(), os.Remove(next.Name())) }()
	if err := pem.Encode(next, &pem.Block{Type: "PRIVATE KEY", Bytes: der}); err != nil {
		return err
	}
	if err := next.Sync(); err != nil {
		return err
	}
	if err := os.Link(next.Name(), file); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
