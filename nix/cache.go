package nix

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nsched/nsched/units"
)

const (
	connectTimeout = 3 * time.Second
	answerTimeout  = 10 * time.Second
	// narinfoLimit bounds what a cache can make this process hold: 20,000 references fit.
	narinfoLimit = 2 << 20
	askAttempts  = 2
)

// Cache is a binary cache that can be asked about paths: http, https or file. It is safe for concurrent
// use and holds no connection open for long; there is nothing to close.
type Cache struct {
	raw  string
	base *url.URL
	http *http.Client
}

// OpenCache checks the URL; it does not contact the cache. Parameters that are meant for Nix, such as
// ?priority=10, are left out of what is asked.
func OpenCache(raw string) (*Cache, error) {
	u, err := url.Parse(raw)
	if err != nil || !printable(raw) || strings.Contains(raw, " ") {
		return nil, fail(ErrInvalid, "", "%q is not a cache URL", clip(raw))
	}
	switch {
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
	case u.Scheme == "file" && u.Host == "" && filepath.IsAbs(u.Path):
	default:
		return nil, fail(ErrInvalid, "", "cache %s: only http://, https:// and file:/// caches can be asked", u.Redacted())
	}
	u.RawQuery, u.Fragment = "", ""
	return &Cache{raw: raw, base: u, http: &http.Client{Transport: transport, Timeout: answerTimeout}}, nil
}

// transport is shared, so that a walk over many narinfo files reuses its connections.
var transport = &http.Transport{
	Proxy:                 http.ProxyFromEnvironment,
	DialContext:           (&net.Dialer{Timeout: connectTimeout}).DialContext,
	TLSHandshakeTimeout:   connectTimeout,
	ResponseHeaderTimeout: answerTimeout,
	MaxIdleConnsPerHost:   walkParallel,
	IdleConnTimeout:       5 * time.Second,
	ForceAttemptHTTP2:     true,
}

// String is the URL without its password.
func (c *Cache) String() string { return c.base.Redacted() }

// Narinfo asks for one path. ErrNotFound: the cache answered that it has none. ErrFetch: it did not
// answer, or nonsense. What it says about another path than the one asked for counts as nonsense.
func (c *Cache) Narinfo(ctx context.Context, path units.StorePath) (Narinfo, error) {
	text, err := c.read(ctx, path, path.Hash()+".narinfo")
	if err != nil {
		return Narinfo{}, err
	}
	n, err := ParseNarinfo(text)
	if err != nil {
		return Narinfo{}, &Error{Kind: ErrFetch, Path: path, Detail: "cache " + c.String(), Err: err}
	}
	if n.Path != path {
		return Narinfo{}, fail(ErrFetch, path, "cache %s answers with %s", c, n.Path)
	}
	return n, nil
}

func (c *Cache) read(ctx context.Context, path units.StorePath, name string) (string, error) {
	if c.base.Scheme == "file" {
		return c.readFile(path, name)
	}
	var last error
	for range askAttempts {
		text, err := c.ask(ctx, path, name)
		if err == nil || errors.Is(err, ErrNotFound) {
			return text, err
		}
		if ctx.Err() != nil {
			return "", fmt.Errorf("ask cache %s: %w", c, ctx.Err())
		}
		last = err
	}
	return "", last
}

func (c *Cache) readFile(path units.StorePath, name string) (string, error) {
	b, err := os.ReadFile(filepath.Join(c.base.Path, name))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(c.base.Path); err != nil {
			return "", &Error{Kind: ErrFetch, Path: path, Detail: "cache " + c.String(), Err: err}
		}
		return "", fail(ErrNotFound, path, "cache %s has no %s", c, name)
	}
	if err != nil {
		return "", &Error{Kind: ErrFetch, Path: path, Detail: "cache " + c.String(), Err: err}
	}
	return string(b), nil
}

func (c *Cache) ask(ctx context.Context, path units.StorePath, name string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base.JoinPath(name).String(), nil)
	if err != nil {
		return "", &Error{Kind: ErrInvalid, Path: path, Detail: "cache " + c.String(), Err: err}
	}
	rsp, err := c.http.Do(req)
	if err != nil {
		return "", &Error{Kind: ErrFetch, Path: path, Detail: "cache " + c.String() + " does not answer", Err: bare(err)}
	}
	defer rsp.Body.Close()
	switch rsp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone, http.StatusForbidden:
		// A bucket that may not be listed answers 403 for what it lacks; Nix takes it the same way.
		return "", fail(ErrNotFound, path, "cache %s answers %s", c, rsp.Status)
	default:
		return "", fail(ErrFetch, path, "cache %s answers %s", c, rsp.Status)
	}
	b, err := io.ReadAll(io.LimitReader(rsp.Body, narinfoLimit+1))
	if err != nil {
		return "", &Error{Kind: ErrFetch, Path: path, Detail: "cache " + c.String() + " broke off", Err: bare(err)}
	}
	if len(b) > narinfoLimit {
		return "", fail(ErrFetch, path, "cache %s sends a narinfo of more than %d bytes", c, narinfoLimit)
	}
	return string(b), nil
}

// bare takes the URL off a client's error: it repeats what is said already, and with the password.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
