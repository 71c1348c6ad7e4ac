package holder

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/nsched/nsched/cmd/nsched-lab/host/wire"
)

// Power states of a host.
//
//	off -> booting -> on -> stopping -> off
//	        |          |                 ^
//	        +----------+---- power cut --+
const (
	powerOff      = "off"
	powerBooting  = "booting"
	powerOn       = "on"
	powerStopping = "stopping"
)

// restartCode is how systemd-nspawn ends, under --keep-unit, when the host asked to be rebooted.
const restartCode = 133

type host struct {
	lab     *holder
	name    string
	index   int
	address netip.Addr
	binds   []wire.Bind
	dir     string

	cable sync.Mutex // the state below is brought to the kernel by one at a time
	fault faults
	line  *delayLine

	// launching is held from the decision to boot until there is a life to cut.
	launching sync.Mutex

	mu    sync.Mutex
	power string
	life  *life
}

// life is one boot of a host, from power on to the end of systemd-nspawn and of all it left.
type life struct {
	cmd    *exec.Cmd
	leader int // the host's PID 1 as the holder sees it; 0 until systemd-nspawn told it
	ready  chan struct{}
	done   chan struct{}
	err    error // how systemd-nspawn ended; set before done is closed
	cut    bool  // power was cut: do not restart
}

func newHost(lab *holder, name string, index int, address netip.Addr, binds []wire.Bind) *host {
	return &host{
		lab: lab, name: name, index: index, address: address, binds: binds,
		dir:   filepath.Join(lab.fs, "hosts", name),
		fault: newFaults(),
		power: powerOff,
	}
}

func (n *host) root() string { return filepath.Join(n.dir, "root") }

func (n *host) info() *wire.Host {
	n.cable.Lock()
	f := n.fault.describe()
	n.cable.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	out := &wire.Host{Name: n.name, Address: n.address, Power: n.power, Faults: f}
	if n.life != nil {
		out.Leader = n.life.leader
	}
	return out
}

// switchOn boots the host and returns when systemd says that it finished starting. When ctx ends
// before, power is cut.
func (n *host) switchOn(ctx context.Context) error {
	l, err := n.begin(ctx)
	if err != nil {
		return fmt.Errorf("power on %s: %w", n.name, err)
	}
	select {
	case <-l.ready:
	case <-l.done:
		return fmt.Errorf("power on %s: it stopped while booting (%v); its console ends with: %s", n.name, l.err, n.consoleTail())
	case <-ctx.Done():
		n.kill(l)
		<-l.done
		return fmt.Errorf("power on %s: %w; its console ends with: %s", n.name, ctx.Err(), n.consoleTail())
	}
	return nil
}

// begin takes the host from off to booting.
func (n *host) begin(ctx context.Context) (*life, error) {
	n.launching.Lock()
	defer n.launching.Unlock()
	n.mu.Lock()
	if n.power != powerOff {
		defer n.mu.Unlock()
		return nil, fmt.Errorf("it is %s: %w", n.power, wire.ErrPower)
	}
	n.power = powerBooting
	n.mu.Unlock()
	l, err := n.launch(ctx)
	if err != nil {
		n.tearDown(context.WithoutCancel(ctx))
		n.setOff()
	}
	return l, err
}

// attend waits for the end of a life and takes away what it used. It is started once per life.
func (n *host) attend(ctx context.Context, l *life) {
	err := n.lab.children.wait(l.cmd)
	n.tearDown(ctx)
	n.mu.Lock()
	cut := l.cut
	n.mu.Unlock()
	n.setOff()
	l.err = err
	close(l.done)
	n.lab.log.Debug().Str("host", n.name).AnErr("err", err).Msg("host stopped")
	var exit *exec.ExitError
	if !cut && errors.As(err, &exit) && exit.ExitCode() == restartCode {
		if err := n.switchOn(ctx); err != nil {
			n.lab.log.Error().Str("host", n.name).Err(err).Msg("reboot failed")
		}
	}
}

func (n *host) setOff() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.power, n.life = powerOff, nil
}

// switchOff cuts the power: no process of the host gets a word in. A host that is off stays off.
func (n *host) switchOff(ctx context.Context) error {
	n.launching.Lock()
	n.mu.Lock()
	l := n.life
	n.mu.Unlock()
	n.launching.Unlock()
	if l == nil {
		return nil
	}
	n.unplug(ctx) // a machine without power answers nothing, not even with a reset
	n.kill(l)
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("power off %s: %w", n.name, ctx.Err())
	}
}

// kill ends the host's PID 1, and with it the host; systemd-nspawn follows by itself. Before
// systemd-nspawn has told the PID it is killed instead, and what it started goes with the cgroups.
func (n *host) kill(l *life) {
	n.mu.Lock()
	l.cut = true
	pid := l.leader
	n.mu.Unlock()
	if pid == 0 {
		pid = l.cmd.Process.Pid
	}
	_ = unix.Kill(pid, unix.SIGKILL) // it may have ended by itself
}

// shutDown asks systemd to power off and waits until the host is off.
func (n *host) shutDown(ctx context.Context) error {
	n.mu.Lock()
	l := n.life
	if n.power != powerOn || l == nil {
		defer n.mu.Unlock()
		return fmt.Errorf("shut down %s, which is %s: %w", n.name, n.power, wire.ErrPower)
	}
	n.power = powerStopping
	leader := l.leader
	n.mu.Unlock()
	// systemd's PID 1 takes SIGRTMIN+4 as "start poweroff.target". 34 is glibc's SIGRTMIN.
	if err := unix.Kill(leader, 34+4); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("shut down %s: %w", n.name, err)
	}
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("shut down %s: %w", n.name, ctx.Err())
	}
}

func (n *host) tearDown(ctx context.Context) {
	err := errors.Join(n.disconnect(ctx), n.lab.cgroups.remove(n.name))
	if err != nil {
		n.lab.log.Error().Str("host", n.name).Err(err).Msg("cleanup of host failed")
	}
}

func (n *host) consolePath() string { return filepath.Join(n.lab.cfg.Logs, n.name+".console.log") }

func (n *host) consoleTail() string {
	data, err := os.ReadFile(n.consolePath())
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-2000):])
}
