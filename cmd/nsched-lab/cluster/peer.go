package cluster

import (
	"net"
	"os"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// peer is the process on the other side of a socket of the file system. The zero peer, of any other
// connection, is nobody.
type peer struct {
	host string
	pid  int
	fd   *os.File // names the process, whatever number it has
}

// peerOf asks the kernel who is on the other side.
func peerOf(conn net.Conn) *peer {
	p := &peer{}
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		return p
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return p
	}
	var cred *unix.Ucred
	_ = raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err != nil || cred == nil || cred.Pid <= 0 {
		return p
	}
	fd, err := unix.PidfdOpen(int(cred.Pid), unix.PIDFD_NONBLOCK)
	if err != nil {
		return p // it has ended already, and so has the connection
	}
	p.fd = os.NewFile(uintptr(fd), "peer")
	p.pid, p.host = int(cred.Pid), hostOf(int(cred.Pid))
	return p
}

// awaitEnd returns when the process has ended, or at once where nobody knows it.
func (p *peer) awaitEnd() {
	if p.fd == nil {
		return
	}
	raw, err := p.fd.SyscallConn()
	if err != nil {
		return
	}
	// The runtime waits until the descriptor is readable, which it is from the process's end on.
	_ = raw.Read(func(fd uintptr) bool {
		polled := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(polled, 0)
		return err != nil && err != syscall.EINTR || n > 0
	})
}

func (p *peer) close() {
	if p.fd != nil {
		_ = p.fd.Close()
	}
}

// labCgroup finds the name of a lab's host in the path of a cgroup, of v1 or v2.
var labCgroup = regexp.MustCompile(`/nsched-lab-[a-z0-9]{1,12}(?:\.scope)?(?:/host)?-([a-z0-9-]+)/`)

// hostOf is the name of the lab's host that a process belongs to; empty is none.
func hostOf(pid int) string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return ""
	}
	if m := labCgroup.FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return ""
}

// FromMonotonic turns the kernel's CLOCK_MONOTONIC, which all hosts of a lab share, into a time that
// compares with the witness's.
func FromMonotonic(at time.Duration) (time.Time, error) {
	now, err := Monotonic()
	if err != nil {
		return time.Time{}, err
	}
	return time.Now().Add(at - now), nil
}

// Monotonic reads CLOCK_MONOTONIC.
func Monotonic() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0, os.NewSyscallError("clock_gettime", err)
	}
	return time.Duration(ts.Nano()), nil
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
