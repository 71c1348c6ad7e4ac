package nix

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// DefaultRootsDir is where nsched's roots are on a machine.
const DefaultRootsDir = "/nix/var/nix/gcroots/nsched"

const defaultStalledTimeout = 30 * time.Second

// Options say how a Store works. The zero value works on a machine with Nix in PATH, but trusts nobody.
type Options struct {
	// NixStore is the nix-store to execute; the nix beside it is used too. "" looks in PATH.
	NixStore string
	// RootsDir holds the roots; "" is DefaultRootsDir. It must be below a directory that the garbage
	// collector reads.
	RootsDir string
	// TrustedKeys are the keys that this node accepts when a request does not say which.
	TrustedKeys []PublicKey
	// Substituters are the node's caches. A request's own are asked before them.
	Substituters []string
	// AllowUnsigned accepts what is in the local store without a signature, for a developer's own
	// machine. What is fetched must be signed all the same.
	AllowUnsigned bool
	// StalledTimeout ends a download that receives nothing for so long; 0 is 30 s. Nix counts in whole
	// seconds and may take twice as long.
	StalledTimeout time.Duration
	// Environment is what child processes get, as os.Environ gives it; nil is this process' own. The
	// settings that matter here are added to the NIX_CONFIG found in it and win over it.
	Environment []string
	// Logger is silent by default.
	Logger *zerolog.Logger
}

// Store is the machine's Nix store. It is safe for concurrent use and holds nothing open.
type Store struct {
	o   Options
	log zerolog.Logger

	mu   sync.Mutex
	busy map[RootName]chan struct{}
}

// New returns a Store. It executes nothing and touches nothing: a machine without Nix shows as ErrNoNix
// at the first use.
func New(o Options) *Store {
	if o.RootsDir == "" {
		o.RootsDir = DefaultRootsDir
	}
	if o.StalledTimeout <= 0 {
		o.StalledTimeout = defaultStalledTimeout
	}
	if o.Environment == nil {
		o.Environment = os.Environ()
	}
	s := &Store{o: o, log: zerolog.Nop(), busy: map[RootName]chan struct{}{}}
	if o.Logger != nil {
		s.log = *o.Logger
	}
	return s
}

// binary finds nix-store, or the nix beside it.
func (s *Store) binary(name string) (string, error) {
	path := s.o.NixStore
	if path == "" {
		found, err := exec.LookPath("nix-store")
		if err != nil {
			return "", &Error{Kind: ErrNoNix, Detail: "nix-store is not in PATH; install Nix (on Debian: apt-get install nix-bin)"}
		}
		path = found
	}
	path = filepath.Join(filepath.Dir(path), name)
	if _, err := exec.LookPath(path); err != nil {
		return "", &Error{Kind: ErrNoNix, Detail: "install Nix, or say where nix-store is", Err: err}
	}
	return path, nil
}
