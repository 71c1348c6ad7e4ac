package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/nsched/nsched/nix"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// The checks of single values.

func isNodeName(text string) error  { _, err := units.ParseNodeName(text); return err }
func isNamespace(text string) error { _, err := units.ParseNamespace(text); return err }
func isTrait(text string) error     { _, err := units.ParseTrait(text); return err }
func isPrefix(text string) error    { _, err := registry.NewKeys(text); return err }
func isPublicKey(text string) error { _, err := nix.ParsePublicKey(text); return err }
func isCPU(text string) error       { _, err := units.ParseCPU(text); return err }
func isBytes(text string) error     { _, err := units.ParseBytes(text); return err }
func isLabel(text string) error     { _, _, err := parseLabel(text); return err }
func isPortRange(text string) error { _, err := parsePortRange(text); return err }

// isDuration wants one that is not zero: what lasts no time at all is said otherwise.
func isDuration(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is not a duration above zero; write it like 90s, 5m or 24h", text)
	}
	return nil
}

func isZone(text string) error {
	name, id, ok := strings.Cut(text, "=")
	if !ok || id == "" || !strings.Contains(name, ".") {
		return fmt.Errorf("%q is not a zone; write it like example.org=023e105f4ecef8ad9ca31a8372d0c353", text)
	}
	return nil
}

func isAddress(text string) error {
	if _, err := netip.ParseAddr(text); err != nil {
		return fmt.Errorf("%q is not an IP address", text)
	}
	return nil
}

func isCache(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" {
		return fmt.Errorf("%q is not a cache URL; write it like https://cache.example.org", text)
	}
	return nil
}

func isAbsolute(text string) error {
	if !filepath.IsAbs(text) || filepath.Clean(text) != text {
		return fmt.Errorf("%q is not a clean absolute path", text)
	}
	return nil
}

func isListen(text string) error {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return fmt.Errorf("%q is not HOST:PORT, nor :PORT for every address", text)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q: the port is a number up to 65535", text)
	}
	if host == "" || host == "localhost" {
		return nil
	}
	return isAddress(host)
}

func isLogLevel(text string) error {
	if l, err := zerolog.ParseLevel(text); err != nil || l > zerolog.ErrorLevel {
		return fmt.Errorf("%q is none of trace, debug, info, warn, error", text)
	}
	return nil
}

func oneOf(words ...string) func(string) error {
	return func(text string) error {
		if !slices.Contains(words, text) {
			return fmt.Errorf("%q is none of %s", text, strings.Join(words, ", "))
		}
		return nil
	}
}

// parseLabel reads "zone=a".
func parseLabel(text string) (name, value string, err error) {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" || strings.ContainsAny(text, " \t\n") {
		return "", "", fmt.Errorf("%q is not a label; write it like zone=a", text)
	}
	return name, value, nil
}

// parsePortRange reads "22" or "8000-8100".
func parsePortRange(text string) (units.PortRange, error) {
	first, last, ranged := strings.Cut(text, "-")
	if !ranged {
		last = first
	}
	a, errA := strconv.ParseUint(first, 10, 16)
	b, errB := strconv.ParseUint(last, 10, 16)
	if errA != nil || errB != nil || a == 0 || b < a {
		return units.PortRange{}, fmt.Errorf("%q is not a port, nor a range like 8000-8100", text)
	}
	return units.PortRange{First: uint16(a), Last: uint16(b)}, nil
}

// The rules over several values.

// etcdRules are those of the section etcd, in every file.
func etcdRules(c config) []string {
	var problems []string
	if (c.text("etcd.cert") == "") != (c.text("etcd.key") == "") {
		problems = append(problems, "etcd.cert and etcd.key belong together")
	}
	if (c.text("etcd.username") == "") != (c.text("etcd.passwordFile") == "") {
		problems = append(problems, "etcd.username and etcd.passwordFile belong together")
	}
	_, err := registry.NewEtcd(registry.EtcdOptions{
		Endpoints: c.list("etcd.endpoints"), AllowInsecure: c.truth("etcd.allowInsecure"),
		TLS: placeholderTLS(c.text("etcd.cacert") != "" || c.text("etcd.cert") != ""),
	})
	if err != nil {
		problems = append(problems, "etcd.endpoints: "+err.Error())
	}
	return problems
}

// apiRules are those of the section api, in every file.
func apiRules(c config) []string {
	var problems []string
	cert, key := c.text("api.tlsCert"), c.text("api.tlsKey")
	if (cert == "") != (key == "") {
		problems = append(problems, "api.tlsCert and api.tlsKey belong together")
	}
	if c.text("api.tlsClientCA") != "" && cert == "" {
		problems = append(problems, "api.tlsClientCA needs api.tlsCert and api.tlsKey")
	}
	if err := checkListen(c.text("api.listen"), cert != "", c.truth("api.allowInsecure")); err != nil {
		problems = append(problems, "api.listen: "+err.Error())
	}
	return problems
}

// errPlaintext: an address beyond this machine without TLS.
var errPlaintext = errors.New("plaintext would leave this machine: set api.tlsCert and api.tlsKey, or api.allowInsecure")

func checkListen(listen string, encrypted, insecure bool) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil || encrypted || insecure || loopbackHost(host) {
		return nil // what is malformed has been told
	}
	return fmt.Errorf("%q: %w", listen, errPlaintext)
}

func loopbackHost(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}
