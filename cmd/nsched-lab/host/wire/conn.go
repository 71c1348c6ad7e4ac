package wire

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

const (
	maxMessage = 256 << 10 // bytes of JSON in one packet; larger ones are refused by the kernel
	maxFiles   = 4         // descriptors in one packet
)

// Conn is one connection of one request. It is not safe for use by several senders at once.
type Conn struct{ socket *net.UnixConn }

// NewConn wraps an accepted connection of network "unixpacket".
func NewConn(socket *net.UnixConn) *Conn {
	_ = socket.SetWriteBuffer(2 * maxMessage) // best effort: it only bounds how long a message may be
	return &Conn{socket: socket}
}

// Dial connects to the control socket at path.
func Dial(ctx context.Context, path string) (*Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "unixpacket", path)
	if err != nil {
		return nil, err
	}
	return NewConn(c.(*net.UnixConn)), nil
}

// Close ends the request.
func (c *Conn) Close() error { return c.socket.Close() }

// Send writes v as one message with copies of the descriptors; the caller keeps its own.
func (c *Conn) Send(v any, fds ...int) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	if _, _, err := c.socket.WriteMsgUnix(data, oob, nil); err != nil {
		return fmt.Errorf("send %d bytes: %w", len(data), err)
	}
	return nil
}

// Receive reads one message into v. The files it came with belong to the caller; they are
// close-on-exec. io.EOF means that the other side closed.
func (c *Conn) Receive(v any) ([]*os.File, error) {
	data, oob := make([]byte, maxMessage), make([]byte, unix.CmsgSpace(4*maxFiles))
	n, oobn, flags, _, err := c.socket.ReadMsgUnix(data, oob)
	if err != nil {
		return nil, err
	}
	files, err := parseFiles(oob[:oobn])
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err == nil && flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
		err = fmt.Errorf("receive message: it is longer than %d bytes", maxMessage)
	}
	if err == nil {
		err = json.Unmarshal(data[:n], v)
	}
	if err != nil {
		CloseAll(files)
		return nil, err
	}
	return files, nil
}

// PeerPID is the process that listens at the other end, numbered as the caller's PID namespace
// numbers it.
func (c *Conn) PeerPID() (int, error) {
	raw, err := c.socket.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err == nil {
		err = credErr
	}
	if err != nil {
		return 0, fmt.Errorf("read peer of control socket: %w", err)
	}
	return int(cred.Pid), nil
}

// CloseAll closes every file that is not nil.
func CloseAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close()
		}
	}
}

func parseFiles(oob []byte) ([]*os.File, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("parse descriptors: %w", err)
	}
	var files []*os.File
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			CloseAll(files)
			return nil, fmt.Errorf("parse descriptors: %w", err)
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	return files, nil
}
