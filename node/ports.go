package node

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/nsched/nsched/units"
)

// HostPorts finds out what is taken on this machine by trying to bind it, on all addresses and without
// listening: the kernel's own answer, in microseconds. Reading /proc/net/tcp instead walks the table of all
// connections, which takes the kernel about 10 ms even when there are none.
type HostPorts struct{}

// Busy implements Ports. Any listener counts, whatever address it listens on: the unit may want them
// all. So does a connection that was made from the port; those that wait for their end do not.
func (HostPorts) Busy(_ context.Context, ports []ListenPort) (uint16, error) {
	for _, p := range ports {
		busy, err := taken(p)
		if err != nil {
			return 0, fmt.Errorf("try %s port %d: %w", p.Protocol, p.Number, err)
		}
		if busy {
			return p.Number, nil
		}
	}
	return 0, nil
}

// taken tries IPv6 and IPv4 at once, and IPv4 alone on a kernel without IPv6.
func taken(p ListenPort) (bool, error) {
	busy, err := bindFails(p, unix.AF_INET6, &unix.SockaddrInet6{Port: int(p.Number)})
	if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL) {
		return bindFails(p, unix.AF_INET, &unix.SockaddrInet4{Port: int(p.Number)})
	}
	return busy, err
}

func bindFails(p ListenPort, family int, address unix.Sockaddr) (bool, error) {
	kind := unix.SOCK_STREAM
	if p.Protocol == units.UDP {
		kind = unix.SOCK_DGRAM
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false, err
	}
	defer func() { _ = unix.Close(fd) }()
	if family == unix.AF_INET6 {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0); err != nil {
			return false, err
		}
	}
	if kind == unix.SOCK_STREAM {
		// As servers do it: connections in TIME_WAIT are in nobody's way. For UDP it would share the port.
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return false, err
		}
	}
	if err := unix.Bind(fd, address); !errors.Is(err, unix.EADDRINUSE) {
		return false, err
	}
	return true, nil
}
