package holder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/nsched/nsched/cmd/nsched-lab/host/wire"
)

// answer serves one connection. Its end, from either side, cancels what is still being done for it.
func (h *holder) answer(ctx context.Context, c *wire.Conn) {
	defer c.Close()
	var req wire.Request
	files, err := c.Receive(&req)
	defer func() { wire.CloseAll(files) }()
	if err != nil {
		if !errors.Is(err, io.EOF) {
			h.log.Warn().Err(err).Msg("request refused")
		}
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with the connection
		var ignored wire.Request
		_, _ = c.Receive(&ignored)
		cancel()
	}()
	switch req.Op {
	case wire.OpRun:
		h.run(ctx, c, req, files)
		files = nil
	case wire.OpDial:
		err = h.dial(ctx, c, req)
	case wire.OpListen:
		err = h.listen(ctx, c, req)
	default:
		var reply wire.Reply
		if reply, err = h.do(ctx, req); err == nil {
			err = c.Send(reply)
		}
	}
	if err != nil {
		h.log.Debug().Str("op", string(req.Op)).Str("host", req.Host).Err(err).Msg("request failed")
		_ = c.Send(wire.Failure(err)) // the client may be gone
	}
}

// do serves the requests that are answered by one message without descriptors.
func (h *holder) do(ctx context.Context, req wire.Request) (wire.Reply, error) {
	switch req.Op {
	case wire.OpInfo:
		return wire.Reply{Info: h.info()}, nil
	case wire.OpCreate:
		n, err := h.create(req.Host, req.Binds)
		if err != nil {
			return wire.Reply{}, err
		}
		return wire.Reply{Host: n.info()}, nil
	case wire.OpFault:
		if req.Fault == nil {
			return wire.Reply{}, fmt.Errorf("change network: no fault: %w", wire.ErrRequest)
		}
		return wire.Reply{}, h.change(ctx, req.Host, *req.Fault)
	}
	power := map[wire.Op]func(*host, context.Context) error{
		wire.OpPowerOn: (*host).switchOn, wire.OpPowerOff: (*host).switchOff, wire.OpShutdown: (*host).shutDown,
	}[req.Op]
	if power == nil {
		return wire.Reply{}, fmt.Errorf("serve %q: unknown request: %w", req.Op, wire.ErrRequest)
	}
	n, err := h.host(req.Host)
	if err != nil {
		return wire.Reply{}, err
	}
	if err := power(n, ctx); err != nil {
		return wire.Reply{}, err
	}
	return wire.Reply{Host: n.info()}, nil
}

// dial connects inside the lab's network and hands the socket over: a socket keeps the network
// namespace it was made in, wherever it is used.
func (h *holder) dial(ctx context.Context, c *wire.Conn, req wire.Request) error {
	address := req.Address
	if name, port, err := net.SplitHostPort(address); err == nil {
		if name == LabName {
			address = net.JoinHostPort(labAddress.Addr().String(), port)
		} else if n, err := h.host(name); err == nil {
			address = net.JoinHostPort(n.address.String(), port)
		}
	}
	conn, err := new(net.Dialer).DialContext(ctx, req.Network, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	return handOver(c, conn)
}

// listen opens a listening socket, or for UDP a bound one, at an address of the holder.
func (h *holder) listen(ctx context.Context, c *wire.Conn, req wire.Request) error {
	var socket io.Closer
	var err error
	switch req.Network {
	case "udp", "udp4", "udp6":
		socket, err = new(net.ListenConfig).ListenPacket(ctx, req.Network, req.Address)
	default:
		socket, err = new(net.ListenConfig).Listen(ctx, req.Network, req.Address)
	}
	if err != nil {
		return err
	}
	defer socket.Close()
	return handOver(c, socket)
}

func handOver(c *wire.Conn, socket any) error {
	sc, ok := socket.(syscall.Conn)
	if !ok {
		return fmt.Errorf("hand over %T: it has no descriptor: %w", socket, wire.ErrRequest)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	var sendErr error
	if err := raw.Control(func(fd uintptr) { sendErr = c.Send(wire.Reply{}, int(fd)) }); err != nil {
		return err
	}
	return sendErr
}

// devNull stands in for streams that a command was not given.
func devNull() (*os.File, error) { return os.OpenFile(os.DevNull, os.O_RDWR, 0) }
