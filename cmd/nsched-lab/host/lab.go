package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/nsched/nsched/cmd/nsched-lab/host/wire"
)

// Lab is a set of hosts on one network, or rather a hold on it: several programs may hold the same
// lab. Its methods may be called at the same time.
type Lab struct {
	runner
	id, dir, logs string
	pid           int // the holder, as this process numbers it
	log           zerolog.Logger

	// The rest is nil in a lab that was attached to.
	child *exec.Cmd
	dead  chan struct{} // closed when the kernel ended all of the child's PID namespace
	life  *os.File      // its end ends an attached holder
	close sync.Once
	ended error
}

// Attach takes hold of a running lab by its id. ErrNoLab when there is none.
func Attach(ctx context.Context, id string) (*Lab, error) {
	if !validID.MatchString(id) || !alive(id) {
		return nil, fmt.Errorf("attach to lab %q: %w", id, ErrNoLab)
	}
	l := &Lab{id: id, dir: filepath.Join(StateDir, id)}
	l.runner = runner{lab: l}
	info, err := l.greet(ctx)
	if err != nil {
		return nil, fmt.Errorf("attach to lab %s: %w", id, err)
	}
	l.logs = info.Logs
	return l, nil
}

// greet learns who the holder is.
func (l *Lab) greet(ctx context.Context) (*wire.Info, error) {
	c, err := l.dialHolder(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if l.pid, err = c.PeerPID(); err != nil {
		return nil, err
	}
	reply, err := l.ask(ctx, wire.Request{Op: wire.OpInfo})
	if err != nil {
		return nil, err
	}
	return reply.Info, nil
}

// ID names the lab among all labs of the machine.
func (l *Lab) ID() string { return l.id }

// Logs is the directory of consoles (<host>.console.log), of the holder's log (holder.log) and of logs
// of started processes.
func (l *Lab) Logs() string { return l.logs }

// Address is the holder's address, the same in every lab.
func (l *Lab) Address() netip.Addr { return Address }

// HolderPID is the holder's process id; killing it ends the lab at once.
func (l *Lab) HolderPID() int { return l.pid }

// Done is closed when a lab that this process opened ended. It is nil, and blocks, in one that was
// attached to.
func (l *Lab) Done() <-chan struct{} { return l.dead }

// Boot makes a host and boots it: Create and Host.PowerOn. Several may boot at the same time.
func (l *Lab) Boot(ctx context.Context, name string) (*Host, error) {
	h, err := l.Create(ctx, name)
	if err != nil {
		return nil, err
	}
	return h, h.PowerOn(ctx)
}

// Create makes a host that is off: with an address, and with a root that files can be written to
// before the first boot. The name is a DNS label.
func (l *Lab) Create(ctx context.Context, name string, binds ...Bind) (*Host, error) {
	reply, err := l.ask(ctx, wire.Request{Op: wire.OpCreate, Host: name, Binds: binds})
	if err != nil {
		return nil, err
	}
	return newHost(l, reply.Host), nil
}

// Host finds a host by name, whoever made it.
func (l *Lab) Host(ctx context.Context, name string) (*Host, error) {
	hosts, err := l.Hosts(ctx)
	if err != nil {
		return nil, err
	}
	for _, h := range hosts {
		if h.name == name {
			return h, nil
		}
	}
	return nil, fmt.Errorf("find host %q: %w", name, ErrNoHost)
}

// Hosts lists the hosts in the order of their creation.
func (l *Lab) Hosts(ctx context.Context) ([]*Host, error) {
	reply, err := l.ask(ctx, wire.Request{Op: wire.OpInfo})
	if err != nil {
		return nil, err
	}
	var out []*Host
	for i := range reply.Info.Hosts {
		out = append(out, newHost(l, &reply.Info.Hosts[i]))
	}
	return out, nil
}

// Net injects network faults.
func (l *Lab) Net() Net { return Net{lab: l} }

// Close ends a lab that this process opened, with all that runs in it, and removes what it left. A lab
// that was opened with Detach, or attached to, goes on. Close is idempotent.
func (l *Lab) Close() error {
	l.close.Do(func() {
		if l.life != nil {
			l.ended = l.Down()
		}
	})
	return l.ended
}

// Down ends the lab whoever opened it: power is cut, processes are killed, and what is left is removed.
// It is idempotent.
func (l *Lab) Down() error {
	if l.child != nil {
		_ = l.child.Process.Kill() // may have ended by itself
		<-l.dead
	} else if err := l.killHolder(); err != nil {
		return err
	}
	if l.life != nil {
		_ = l.life.Close()
	}
	return guardState(func() error {
		if alive(l.id) {
			return fmt.Errorf("end lab %s: its holder %d lives on", l.id, l.pid)
		}
		return sweepLab(l.id)
	})
}

// killHolder kills a holder that is not a child of this process. Process ids are reused, so the number
// counts only when, after a descriptor was taken for it, the one who answers for the lab still has it.
func (l *Lab) killHolder() error {
	fd, err := unix.PidfdOpen(l.pid, 0)
	if err != nil {
		fd = -1 // it ended
	} else {
		defer unix.Close(fd)
	}
	if fd >= 0 && alive(l.id) && l.answers() {
		if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("kill holder %d of lab %s: %w", l.pid, l.id, err)
		}
	}
	if !awaitDeath(l.id, 20*time.Second) {
		return fmt.Errorf("kill holder %d of lab %s: it lives on", l.pid, l.id)
	}
	return nil
}

// answers says whether the control socket belongs to the holder this hold is on. The kernel accepts
// the connection even for a holder that is stopped.
func (l *Lab) answers() bool {
	socket, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: filepath.Join(l.dir, "control"), Net: "unixpacket"})
	if err != nil {
		return false
	}
	defer socket.Close()
	pid, err := wire.NewConn(socket).PeerPID()
	return err == nil && pid == l.pid
}

func (l *Lab) dialHolder(ctx context.Context) (*wire.Conn, error) {
	c, err := wire.Dial(ctx, filepath.Join(l.dir, "control"))
	if err != nil {
		return nil, fmt.Errorf("reach holder of lab %s: %w", l.id, err)
	}
	return c, nil
}

// ask makes one request that is answered by one message. When ctx ends first, the holder gives up too.
func (l *Lab) ask(ctx context.Context, req wire.Request) (wire.Reply, error) {
	reply, files, err := l.askFiles(ctx, req)
	wire.CloseAll(files)
	return reply, err
}

func (l *Lab) askFiles(ctx context.Context, req wire.Request) (wire.Reply, []*os.File, error) {
	c, err := l.dialHolder(ctx)
	if err != nil {
		return wire.Reply{}, nil, err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	var reply wire.Reply
	var files []*os.File
	if err = c.Send(req); err == nil {
		files, err = c.Receive(&reply)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		err = ctx.Err()
	case err != nil:
		err = fmt.Errorf("ask holder of lab %s to %s: %w", l.id, strings.ReplaceAll(string(req.Op), "-", " "), err)
	default:
		err = reply.Err()
	}
	if err != nil {
		wire.CloseAll(files)
		return wire.Reply{}, nil, err
	}
	return reply, files, nil
}
