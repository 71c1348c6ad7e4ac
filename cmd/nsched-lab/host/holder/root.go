package holder

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// initPath is the first program of a host. It makes the host's own cgroup v1 hierarchies writable,
// which systemd-nspawn mounts read-only, before systemd looks at them.
const initPath = "/.nsched-lab-init"

// hidden are directories of the machine that a host sees empty: they hold the machine's own units,
// state and secrets. /nix is made even where the machine has none.
var hidden = []string{
	"/nix", "/etc/systemd/system", "/etc/nix", "/etc/nsched", "/home", "/media", "/mnt", "/opt", "/root", "/srv", "/var/backups",
	"/var/lib/nsched", "/var/lib/private", "/var/lib/systemd", "/var/log", "/var/spool", "/var/tmp",
}

// masked units have no business in a host: they set the clock, configure networks or talk to consoles.
var masked = []string{
	"systemd-timesyncd.service", "systemd-time-wait-sync.service", "chrony.service", "ntp.service", "ntpsec.service",
	"systemd-networkd.service", "systemd-networkd.socket", "systemd-resolved.service", "systemd-udevd.service",
	"systemd-udevd-kernel.socket", "systemd-udevd-control.socket", "systemd-hwclock-save.service",
	"console-getty.service", "getty.target", "systemd-firstboot.service", "systemd-logind.service",
}

// makeRoot mounts the host's root: the machine's files below, an empty layer on the lab's tmpfs above.
// It lives as long as the lab, so it survives power cuts.
func (n *host) makeRoot() error {
	upper, work, root := filepath.Join(n.dir, "upper"), filepath.Join(n.dir, "work"), n.root()
	for _, d := range []string{upper, work, root} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return fmt.Errorf("make root: %w", err)
		}
	}
	for _, d := range append(append([]string{}, hidden...), n.lab.cfg.Hide...) {
		if err := hide(upper, d); err != nil {
			return fmt.Errorf("hide %s: %w", d, err)
		}
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	files := map[string]string{
		"/etc/machine-id":  hex.EncodeToString(id) + "\n",
		"/etc/hostname":    n.name + "\n",
		"/etc/hosts":       n.lab.hostsFile(),
		"/etc/resolv.conf": n.lab.resolvConf(),
		"/etc/systemd/system/nsched-lab.target": "[Unit]\nDescription=Minimal host\n" +
			"Requires=basic.target dbus.socket\nAfter=basic.target dbus.socket\nWants=multi-user.target\nAllowIsolate=yes\n",
		// The machine's multi-user.target would pull in all that its distribution enables.
		"/etc/systemd/system/multi-user.target": "[Unit]\nDescription=Services of this host\n" +
			"Requires=basic.target\nAfter=basic.target\nAllowIsolate=yes\n",
		"/etc/systemd/journald.conf.d/lab.conf": "[Journal]\nStorage=persistent\nSystemMaxUse=64M\nSystemMaxFileSize=16M\n" +
			"SyncIntervalSec=1s\nRateLimitBurst=0\nForwardToConsole=no\n",
		"/etc/systemd/system.conf.d/lab.conf": "[Manager]\nDefaultTimeoutStopSec=20s\n",
		"/var/log/journal/.keep":              "",
		initPath:                              n.initScript(),
	}
	for path, content := range files {
		if err := writeBelow(upper, path, content); err != nil {
			return fmt.Errorf("make root: %w", err)
		}
	}
	if err := os.Chmod(filepath.Join(upper, initPath), 0o755); err != nil {
		return fmt.Errorf("make root: %w", err)
	}
	for _, unit := range masked {
		if err := os.Symlink("/dev/null", filepath.Join(upper, "etc/systemd/system", unit)); err != nil {
			return fmt.Errorf("mask %s: %w", unit, err)
		}
	}
	options := fmt.Sprintf("lowerdir=/,upperdir=%s,workdir=%s", upper, work)
	if err := unix.Mount("overlay", root, "overlay", 0, options); err != nil {
		return fmt.Errorf("mount overlay on %s: %w", root, err)
	}
	return nil
}

func (n *host) initScript() string {
	var b strings.Builder
	b.WriteString("#!/bin/sh\n")
	for _, m := range n.lab.cgroups.v1 {
		fmt.Fprintf(&b, "mount -o remount,bind,rw %s\n", m)
	}
	b.WriteString("if [ -x /lib/systemd/systemd ]; then exec /lib/systemd/systemd \"$@\"; fi\nexec /sbin/init \"$@\"\n")
	return b.String()
}

// hide puts an opaque directory into the upper layer, with the mode and owner of the machine's.
func hide(upper, dir string) error {
	if !filepath.IsAbs(dir) {
		return fmt.Errorf("%q is not an absolute path", dir)
	}
	below, err := os.Lstat(dir)
	if err != nil && dir != "/nix" {
		return nil
	}
	if err == nil && !below.IsDir() {
		return nil
	}
	if err := mkdirLike(upper, dir); err != nil {
		return err
	}
	return unix.Setxattr(filepath.Join(upper, dir), "trusted.overlay.opaque", []byte("y"), 0)
}

// mkdirLike makes dir and its parents below upper with the modes and owners they have on the machine:
// a directory of the upper layer decides those of the merged one.
func mkdirLike(upper, dir string) error {
	at := "/"
	for _, part := range strings.Split(strings.Trim(filepath.Clean(dir), "/"), "/") {
		at = filepath.Join(at, part)
		target := filepath.Join(upper, at)
		if err := os.Mkdir(target, 0o755); os.IsExist(err) {
			continue
		} else if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Stat(at, &st); err != nil {
			continue // the machine has none: 0755 root
		}
		if err := os.Chown(target, int(st.Uid), int(st.Gid)); err != nil {
			return err
		}
		if err := unix.Chmod(target, st.Mode&0o7777); err != nil {
			return err
		}
	}
	return nil
}

func writeBelow(upper, path, content string) error {
	if err := mkdirLike(upper, filepath.Dir(path)); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(upper, path), []byte(content), fs.FileMode(0o644))
}
