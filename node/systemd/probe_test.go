package systemd_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// findings are what a service could do: the outcome by the name of what it tried, "ok" or an error.
type findings map[string]string

// probe tries everything that the sandbox is about. What is in TEST_WRITE and TEST_READ, separated by
// colons, is tried besides.
func probe(path string) error {
	f := findings{}
	try := func(what string, do func() error) {
		if err := do(); err != nil {
			f[what] = err.Error()
			return
		}
		f[what] = "ok"
	}
	for _, dir := range strings.Split(os.Getenv("TEST_WRITE"), ":") {
		try("write "+dir, func() error { return os.WriteFile(filepath.Join(dir, "probe"), nil, 0o600) })
	}
	for _, file := range strings.Split(os.Getenv("TEST_READ"), ":") {
		try("read "+file, func() error { _, err := os.ReadFile(file); return err })
	}
	for _, dir := range strings.Split(os.Getenv("TEST_LOOK"), ":") {
		f["look "+dir] = look(dir)
	}
	try("listen 8080", func() error { return listen(8080) })
	try("listen 80", func() error { return listen(80) })
	try("raw socket", func() error { return closeSocket(unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)) })
	try("netlink", func() error { return closeSocket(unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE)) })
	try("write and execute memory", func() error {
		b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			return err
		}
		return unix.Munmap(b)
	})
	try("new user namespace", func() error { return unix.Unshare(unix.CLONE_NEWUSER) })
	try("mount", func() error { return unix.Mount("none", "/tmp", "tmpfs", 0, "") })
	try("systemd", func() error { return dial("/run/systemd/private") })
	try("nix daemon", func() error { return dial("/nix/var/nix/daemon-socket/socket") })
	try("signal PID 1", func() error { return syscall.Kill(1, 0) })
	f["processes"] = processes()
	return tell(path, f)
}

func listen(port int) error {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	return l.Close()
}

func dial(path string) error {
	c, err := net.Dial("unix", path)
	if err != nil {
		return err
	}
	return c.Close()
}

func closeSocket(fd int, err error) error {
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// look lists what a directory shows, or why it does not.
func look(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return reason(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// processes lists the processes that can be seen, this one as "self".
func processes() string {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return reason(err)
	}
	var seen []string
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			seen = append(seen, map[bool]string{true: "self", false: e.Name()}[pid == os.Getpid()])
		}
	}
	slices.Sort(seen)
	return strings.Join(seen, " ")
}

func reason(err error) string {
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}
