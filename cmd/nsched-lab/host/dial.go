package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/nsched/nsched/cmd/nsched-lab/host/wire"
)

// DialContext connects from the holder's address, for a caller outside the lab. Network is tcp, udp or
// unix (a path as the holder sees it); the host part of address is an IP address or the name of a host
// or "lab". The connection is an ordinary *net.TCPConn, *net.UDPConn or *net.UnixConn of this process
// with deadlines and half-close: the holder makes the socket and hands it over, so no byte passes
// through the holder. It breaks as a network connection breaks (a partition is silence) and survives
// the end of the lab only as a dead socket.
//
// It has the shape that http.Transport and grpc.WithContextDialer want:
//
//	grpc.WithContextDialer(func(ctx context.Context, a string) (net.Conn, error) { return lab.DialContext(ctx, "tcp", a) })
func (l *Lab) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := adopt(ctx, l, wire.OpDial, network, address, net.FileConn)
	if err != nil {
		return nil, fmt.Errorf("dial %s %s in lab %s: %w", network, address, l.id, err)
	}
	return conn, nil
}

// Listen listens at an address of the holder, for a caller outside the lab: a witness or a fake in the
// test's own process that hosts reach at "lab". Network is tcp. An address such as ":8080" listens on
// all of the holder's addresses, port 0 picks one. The caller closes it.
func (l *Lab) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	listener, err := adopt(ctx, l, wire.OpListen, network, address, net.FileListener)
	if err != nil {
		return nil, fmt.Errorf("listen %s %s in lab %s: %w", network, address, l.id, err)
	}
	return listener, nil
}

// ListenPacket is Listen for udp.
func (l *Lab) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	conn, err := adopt(ctx, l, wire.OpListen, network, address, net.FilePacketConn)
	if err != nil {
		return nil, fmt.Errorf("listen %s %s in lab %s: %w", network, address, l.id, err)
	}
	return conn, nil
}

// HTTPClient is a client inside the lab's network with connections of its own. Close its idle
// connections when done.
func (l *Lab) HTTPClient() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: l.DialContext}}
}

// adopt asks the holder for a socket and makes it one of this process.
func adopt[T any](ctx context.Context, l *Lab, op wire.Op, network, address string, from func(*os.File) (T, error)) (T, error) {
	var none T
	_, files, err := l.askFiles(ctx, wire.Request{Op: op, Network: network, Address: address})
	if err != nil {
		return none, err
	}
	defer wire.CloseAll(files)
	if len(files) != 1 {
		return none, errors.New("the holder sent no socket")
	}
	return from(files[0]) // works on a copy
}
