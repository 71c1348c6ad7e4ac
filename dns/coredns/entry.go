package coredns

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/nsched/nsched/dns/diff"
	"github.com/nsched/nsched/units"
)

// service is a value as the etcd plugin reads it (plugin/etcd/msg/service.go), and our owner.
type service struct {
	Host     string `json:"host,omitempty"`
	Port     int    `json:"port,omitempty"`
	Priority int    `json:"priority,omitempty"`
	Weight   int    `json:"weight,omitempty"`
	Text     string `json:"text,omitempty"`
	TTL      int    `json:"ttl,omitempty"`
	Group    string `json:"group"`
	Owner    string `json:"owner"`
}

const (
	noPort         = -1 // never in an SRV answer
	apartPriority  = 1  // not the one of SRV records
	barrierOwner   = "nsched"
	barrierLeaf    = "barrier.nsched"
	barrierLabel   = "barrier"
	longestTXTLeaf = 16
)

// entry is one key below skydns/.
type entry struct {
	dir, leaf string
	value     []byte
	hosts     bool // the plugin finds it in a query for addresses
}

// dirOf is where a name's records are: its labels backwards.
func dirOf(name string) string {
	labels := strings.Split(name, ".")
	slices.Reverse(labels)
	return strings.Join(labels, "/")
}

// nameOf is the opposite of dirOf.
func nameOf(dir string) string {
	labels := strings.Split(dir, "/")
	slices.Reverse(labels)
	return strings.Join(labels, ".")
}

func encode(s service) []byte {
	value, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("coredns: encode %+v: %v", s, err)) // strings and numbers always encode
	}
	return value
}

// entryOf is the key of one record.
func entryOf(r diff.Record) entry {
	s := service{TTL: r.TTL, Group: r.Name, Owner: r.App.String()}
	e := entry{dir: dirOf(r.Name), hosts: true}
	switch r.Type {
	case units.DNSTypeSRV:
		s.Host, s.Port = r.Data.Target, int(r.Data.Port)
		s.Priority, s.Weight = int(r.Data.Priority), int(r.Data.Weight)
		e.leaf = fmt.Sprintf("srv.%d.%s", r.Data.Port, r.Data.Target)
	case units.DNSTypeTXT:
		s.Text = r.Data.Text
		h := fnv.New64a()
		h.Write([]byte(r.Data.Text))
		e.leaf, e.hosts = fmt.Sprintf("txt.%0*x", longestTXTLeaf, h.Sum64()), false
	case units.DNSTypeCNAME:
		s.Host, s.Port, s.Priority = r.Data.Target, noPort, apartPriority
		e.leaf = "cname." + r.Data.Target
	default:
		s.Host, s.Port, s.Priority = r.Data.Addr.String(), noPort, apartPriority
		e.leaf = strings.ToLower(string(r.Type)) + "." + r.Data.Addr.String()
	}
	e.value = encode(s)
	return e
}

// barrier is what keeps the names below a name out of its answers. Its host is below the name, so that
// a query for addresses passes over it as over a loop.
func barrier(dir string) entry {
	name := nameOf(dir)
	return entry{dir: dir, leaf: barrierLeaf, hosts: true, value: encode(service{
		Host: barrierLabel + "." + name, Port: noPort, Priority: apartPriority, Group: name, Owner: barrierOwner,
	})}
}
