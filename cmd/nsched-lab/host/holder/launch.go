package holder

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// enterCgroups writes the shell into each cgroup given before "--" and becomes what follows: a process
// has to be in its host's cgroups before it is systemd-nspawn.
const enterCgroups = `while [ "$1" != -- ]; do echo 0 > "$1/cgroup.procs" || exit 1; shift; done; shift; exec "$@"`

// launch plugs the cable in and starts systemd-nspawn. The life it returns is attended to.
func (n *host) launch(ctx context.Context) (*life, error) {
	if err := n.connect(ctx); err != nil {
		return nil, err
	}
	groups, err := n.lab.cgroups.make(n.name)
	if err != nil {
		return nil, err
	}
	console, err := os.OpenFile(n.consolePath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open console log: %w", err)
	}
	defer console.Close()
	notify := filepath.Join(n.dir, "notify")
	_ = os.Remove(notify) // left by the boot before
	words, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: notify, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("open notify socket: %w", err)
	}
	args := append([]string{"-c", enterCgroups, "sh"}, groups...)
	args = append(append(args, "--"), n.nspawn()...)
	cmd := exec.Command("/bin/sh", args...) // it outlives the request
	cmd.Env = []string{
		"PATH=" + standardPath, "LANG=C.UTF-8", "NOTIFY_SOCKET=" + notify,
	}
	cmd.Stdout, cmd.Stderr = console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := n.lab.children.start(cmd); err != nil {
		_ = words.Close()
		return nil, fmt.Errorf("start systemd-nspawn: %w", err)
	}
	l := &life{cmd: cmd, ready: make(chan struct{}), done: make(chan struct{})}
	n.mu.Lock()
	n.life = l
	n.mu.Unlock()
	go n.listen(words, l)                       // ends when the socket is closed
	go func() { <-l.done; _ = words.Close() }() // ends with the life
	go n.attend(context.WithoutCancel(ctx), l)  // ends with the life
	return l, nil
}

// nspawn is the command line. Registration and a unit of its own are left out: there is no systemd to
// talk to, or it is the machine's and none of the lab's business.
func (n *host) nspawn() []string {
	args := []string{
		"systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--directory=" + n.root(), "--machine=" + n.name,
		"--network-namespace-path=" + n.netns(), "--console=pipe", "--notify-ready=yes", "--kill-signal=SIGRTMIN+4",
		"--capability=CAP_NET_ADMIN", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
	}
	for _, b := range n.binds {
		flag := "--bind-ro="
		if b.Writable {
			flag = "--bind="
		}
		args = append(args, flag+escape(b.Source)+":"+escape(b.Target))
	}
	args = append(args, initPath, "systemd.unit=nsched-lab.target")
	// It mounts the host's /sys before it joins the host's network, and /sys shows the network of who
	// mounts it. So it is born there.
	return append([]string{"nsenter", "--net=" + n.netns(), "--"}, args...)
}

// escape protects what separates the parts of a bind.
func escape(path string) string {
	return strings.ReplaceAll(strings.ReplaceAll(path, `\`, `\\`), ":", `\:`)
}

// listen hears from systemd-nspawn who the host's PID 1 is and when it finished starting.
func (n *host) listen(words *net.UnixConn, l *life) {
	buf := make([]byte, 4096)
	started := false
	for {
		size, err := words.Read(buf)
		if err != nil {
			return
		}
		for _, line := range strings.Split(string(buf[:size]), "\n") {
			key, value, _ := strings.Cut(line, "=")
			pid, _ := strconv.Atoi(value)
			switch {
			case key == "X_NSPAWN_LEADER_PID" && pid > 0:
				n.mu.Lock()
				l.leader = pid
				n.mu.Unlock()
			case key == "READY" && value == "1" && !started:
				started = true
				n.mu.Lock()
				if n.life == l && n.power == powerBooting {
					n.power = powerOn
				}
				n.mu.Unlock()
				close(l.ready)
			}
		}
	}
}
