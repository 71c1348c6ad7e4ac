package host

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/netip"
	"regexp"

	"github.com/rs/zerolog"

	"github.com/nsched/nsched/cmd/nsched-lab/host/holder"
	"github.com/nsched/nsched/cmd/nsched-lab/host/wire"
)

// Bind shows a file or directory of the machine inside hosts, read-only unless Writable.
type Bind = wire.Bind

// Options describe a lab. The zero value is a good lab.
type Options struct {
	// ID names the lab: lower-case letters and digits, up to 12. Default: random.
	ID string
	// LogDir is where consoles of hosts and logs of processes go, not below /run. It is made when missing
	// and never removed. Default: Lab.Logs() below the lab's own directory, which goes with the lab.
	LogDir string
	// Nameservers are what /etc/resolv.conf of holder and hosts names. Default: the holder, 10.77.0.1,
	// where a DNS server can be started.
	Nameservers []netip.Addr
	// HostsLines are added to /etc/hosts of holder and hosts, which names the lab and its hosts anyway.
	HostsLines []string
	// Binds are seen by all hosts. Sources below /run are not the machine's: the holder has its own.
	Binds []Bind
	// Hide are more directories of the machine that hosts see empty. /nix, /root, /home, /opt, /var/log,
	// /var/tmp and the machine's own units always are.
	Hide []string
	// Detach lets the lab outlive this process; Lab.Down or "nsched-lab down" ends it.
	Detach bool
	// Logger is silent by default.
	Logger zerolog.Logger
}

var validID = regexp.MustCompile(`^[a-z0-9]{1,12}$`)

func (o Options) withDefaults() (Options, error) {
	if o.ID == "" {
		id := make([]byte, 4)
		_, _ = rand.Read(id) // never fails
		o.ID = hex.EncodeToString(id)
	}
	if !validID.MatchString(o.ID) {
		return o, fmt.Errorf("open lab %q: an id is up to 12 lower-case letters and digits: %w", o.ID, ErrRequest)
	}
	if len(o.Nameservers) == 0 {
		o.Nameservers = []netip.Addr{Address}
	}
	return o, nil
}

// LabName is the name by which hosts reach the holder, and a peer of Net.
const LabName = holder.LabName

// Address is the holder's address in every lab.
var Address = netip.MustParseAddr("10.77.0.1")
