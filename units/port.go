package units

import "strings"

// Protocol is a transport.
type Protocol string

// The protocols.
const (
	TCP Protocol = "tcp"
	UDP Protocol = "udp"
)

// Dynamic ports are given out of this closed range. It lies below Linux' default
// ip_local_port_range, so that no outgoing connection takes one.
const (
	DynamicPortFirst = 20000
	DynamicPortLast  = 31999
)

// lowPortLimit is the first port that needs no capability to bind.
const lowPortLimit = 1024

// Port is something a unit listens on.
type Port struct {
	Name     string
	Port     uint16 // 0: chosen when a unit is placed
	Protocol Protocol
}

// PortVariable returns the environment variable that tells a unit the number of a named port:
// NSCHED_PORT_HTTP_ALT for "http-alt". Names are labels, so no two share a variable.
func PortVariable(name string) string {
	return "NSCHED_PORT_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}
