package node

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/nsched/nsched/units"
)

// ProcNet reads what listens on this machine from /proc/net (proc(5)).
type ProcNet struct{}

// The states of a socket that holds its port: TCP_LISTEN for tcp, and an unconnected socket for udp
// (include/net/tcp_states.h).
const (
	tcpListen = "0A"
	udpBound  = "07"
)

// Busy implements Ports. Any listener counts, whatever address it listens on: the unit may want them
// all.
func (ProcNet) Busy(_ context.Context, ports []ListenPort) (uint16, error) {
	if len(ports) == 0 {
		return 0, nil
	}
	taken := map[ListenPort]bool{}
	for _, table := range []struct {
		file, state string
		protocol    units.Protocol
	}{
		{"/proc/net/tcp", tcpListen, units.TCP},
		{"/proc/net/tcp6", tcpListen, units.TCP},
		{"/proc/net/udp", udpBound, units.UDP},
		{"/proc/net/udp6", udpBound, units.UDP},
	} {
		if err := readSockets(table.file, table.state, table.protocol, taken); err != nil {
			return 0, err
		}
	}
	for _, p := range ports {
		if taken[p] {
			return p.Number, nil
		}
	}
	return 0, nil
}

func readSockets(file, state string, protocol units.Protocol, taken map[ListenPort]bool) error {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a kernel without IPv6
	}
	if err != nil {
		return fmt.Errorf("read what listens: %w", err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		// sl local_address rem_address st …; an address is HEXADDRESS:HEXPORT.
		columns := strings.Fields(lines.Text())
		if len(columns) < 4 || columns[3] != state {
			continue
		}
		_, port, ok := strings.Cut(columns[1], ":")
		raw, err := hex.DecodeString(port)
		if !ok || err != nil || len(raw) != 2 {
			continue
		}
		taken[ListenPort{Protocol: protocol, Number: uint16(raw[0])<<8 | uint16(raw[1])}] = true
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read what listens: %w", err)
	}
	return nil
}
