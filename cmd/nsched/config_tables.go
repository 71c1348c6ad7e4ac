package main

import (
	"crypto/tls"
	"os"
	"slices"
	"strings"

	"github.com/nsched/nsched/units/registry"
)

// shortHostName is the machine's name without its domain, as a node name; empty if it cannot be one.
func shortHostName() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	short, _, _ := strings.Cut(strings.ToLower(name), ".")
	return short
}

// nodeConfig is /etc/nsched/node.json, read by the guard and the node daemon.
func nodeConfig() configKind {
	keys := []configKey{
		{name: "node.name", fallback: shortHostName(), says: "the short host name", check: isNodeName, doc: "name of this node; pinned to its key at the first registration"},
		{name: "node.labels", kind: kindList, check: isLabel, doc: "labels, such as zone=a, for constraints"},
		{name: "node.traits", kind: kindList, check: isTrait, doc: "what this node is, such as web"},
		{name: "node.pool", check: isTrait, doc: "pool that this node belongs to"},
		{name: "node.addresses", kind: kindList, check: isAddress, says: "read from the machine", doc: "addresses that others reach this node by, the preferred one first"},
		{name: "node.reservedPorts", kind: kindList, check: isPortRange, doc: "ports never given to a unit, such as 22 or 8000-8100"},
		{name: "node.namespaces", kind: kindList, check: isNamespace, doc: "namespaces that this node admits; none admits all"},
		{name: "node.maxOfflineAge", fallback: "24h", check: isDuration, doc: "how long after its last contact with etcd a node still starts what its disk holds"},
	}
	keys = append(keys, etcdKeys()...)
	keys = append(keys, []configKey{
		{name: "reserve.cpu", fallback: "100m", check: isCPU, doc: "CPU kept from units"},
		{name: "reserve.memory", fallback: "256Mi", check: isBytes, doc: "memory kept from units"},
		{name: "reserve.disk", fallback: "1Gi", check: isBytes, doc: "disk kept from units"},
		{name: "nix.caches", kind: kindList, check: isCache, doc: "caches to fetch from, in order, after an app's own"},
		{name: "nix.publicKeys", kind: kindList, check: isPublicKey, doc: "keys whose signatures are trusted, as name:base64"},
		{name: "nix.nixStore", check: isAbsolute, says: "looked up in PATH", doc: "nix-store to use"},
		{name: "nix.allowUnsigned", kind: kindBool, doc: "accept unsigned paths that are in the local store; for a developer's own machine"},
	}...)
	keys = append(keys, apiKeys("127.0.0.1:7440")...)
	keys = append(keys, pathKeys()...)
	keys = append(keys, configKey{name: "paths.shim", check: isAbsolute, says: "nsched-exec beside this program", doc: "the shim that becomes a service"})
	keys = append(keys, logKeys()...)
	return configKind{name: "node", keys: keys, rules: func(c config) []string {
		problems := slices.Concat(etcdRules(c), apiRules(c))
		if c.text("node.name") == "" {
			problems = append(problems, "node.name: this machine has no host name; set one")
		}
		return problems
	}}
}

// schedulerConfig is /etc/nsched/scheduler.json.
func schedulerConfig() configKind {
	keys := []configKey{
		{name: "scheduler.name", fallback: shortHostName(), says: "the short host name", check: isNodeName, doc: "name of this scheduler, for people"},
	}
	keys = append(keys, etcdKeys()...)
	keys = append(keys, []configKey{
		{name: "etcd.embeddedDir", check: isAbsolute, flag: "embedded-etcd", doc: "run an etcd of its own that keeps its data here; etcd.endpoints is where it listens"},
		{name: "placement.algorithm", fallback: "binpack", check: oneOf("binpack", "spread"), doc: "how to choose among fitting nodes, unless the app says"},
		{name: "placement.agentLostAfter", fallback: "5m", check: isDuration, doc: "how long a node's daemon may be gone under a living guard before the node is told to give up"},
	}...)
	keys = append(keys, []configKey{
		{name: "cloudflare.zones", kind: kindList, check: isZone, doc: "zones at Cloudflare that apps may have names in, as name=id"},
		{name: "cloudflare.tokenFile", check: isAbsolute, doc: "file with Cloudflare's API token, which needs to edit the DNS of these zones alone"},
	}...)
	keys = append(keys, apiKeys("127.0.0.1:7441")...)
	keys = append(keys, pathKeys()...)
	keys = append(keys, logKeys()...)
	return configKind{name: "scheduler", keys: keys, rules: func(c config) []string {
		problems := slices.Concat(etcdRules(c), apiRules(c))
		if len(c.list("cloudflare.zones")) > 0 && c.text("cloudflare.tokenFile") == "" {
			problems = append(problems, "cloudflare.tokenFile: cloudflare.zones need a token to be changed with")
		}
		return problems
	}}
}

// configKinds are all kinds of files.
func configKinds() []configKind { return []configKind{nodeConfig(), schedulerConfig()} }

func etcdKeys() []configKey {
	return []configKey{
		{name: "etcd.endpoints", kind: kindList, fallback: []string{"http://127.0.0.1:2379"}, flag: "endpoints", doc: "etcd's URLs"},
		{name: "etcd.cacert", check: isAbsolute, flag: "cacert", doc: "certificate authority of etcd, PEM"},
		{name: "etcd.cert", check: isAbsolute, flag: "cert", doc: "certificate to show to etcd, PEM"},
		{name: "etcd.key", check: isAbsolute, flag: "key", doc: "key of the certificate, PEM"},
		{name: "etcd.username", flag: "user", doc: "user of etcd, where no certificate logs in"},
		{name: "etcd.passwordFile", check: isAbsolute, flag: "password-file", doc: "file with the user's password, read at each login"},
		{name: "etcd.prefix", fallback: registry.DefaultPrefix, check: isPrefix, flag: "prefix", doc: "where in etcd the cluster is"},
		{name: "etcd.allowInsecure", kind: kindBool, flag: "allow-insecure", doc: "permit plaintext to another machine's etcd"},
	}
}

func apiKeys(listen string) []configKey {
	return []configKey{
		{name: "api.listen", fallback: listen, check: isListen, doc: "address of the API and the metrics"},
		{name: "api.tlsCert", check: isAbsolute, doc: "certificate of the API, PEM"},
		{name: "api.tlsKey", check: isAbsolute, doc: "key of the certificate, PEM"},
		{name: "api.tlsClientCA", check: isAbsolute, doc: "clients must show a certificate that this authority signed, PEM"},
		{name: "api.allowInsecure", kind: kindBool, doc: "permit the API in plaintext beyond loopback"},
	}
}

func pathKeys() []configKey {
	return []configKey{
		{name: "paths.state", fallback: "/var/lib/nsched", check: isAbsolute, doc: "what must survive a reboot"},
		{name: "paths.runtime", fallback: "/run/nsched", check: isAbsolute, doc: "sockets, and what must not survive a reboot"},
	}
}

func logKeys() []configKey {
	return []configKey{
		{name: "log.level", fallback: "info", check: isLogLevel, flag: "log-level", doc: "trace, debug, info, warn or error"},
		{name: "log.format", fallback: "auto", check: oneOf("auto", "json", "console"), flag: "log-format", doc: "auto, json or console"},
	}
}

// placeholderTLS stands for the TLS that a rule only asks the existence of.
func placeholderTLS(there bool) *tls.Config {
	if !there {
		return nil
	}
	return &tls.Config{MinVersion: tls.VersionTLS12}
}
