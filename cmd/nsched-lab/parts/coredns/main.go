package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/etcd"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
)

// directives are the words that a Corefile may use, in the order in which a query passes the plugins.
// CoreDNS leaves out of the chain what is not listed here, whatever is linked in. The order is its
// own: errors and log come before cache and so see also what the cache answered.
var directives = []string{"reload", "bind", "ready", "health", "errors", "log", "cache", "etcd"}

func main() {
	dnsserver.Directives = directives
	coremain.Run()
}
