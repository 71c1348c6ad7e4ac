package holder

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// mountAll gives the holder its own view: no propagation either way, its own /proc, an empty /run with
// nothing but the lab's directory, the lab's tmpfs and its own name resolution.
func (h *holder) mountAll() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	const safe = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := unix.Mount("proc", "/proc", "proc", safe, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := h.ownRun(); err != nil {
		return err
	}
	if err := os.MkdirAll(h.fs, 0o700); err != nil {
		return fmt.Errorf("make lab directory: %w", err)
	}
	if err := unix.Mount("nsched-lab-"+h.cfg.ID, h.fs, "tmpfs", 0, "mode=0755,size=75%"); err != nil {
		return fmt.Errorf("mount tmpfs on %s: %w", h.fs, err)
	}
	return h.ownNames()
}

// ownRun replaces /run: systemd-nspawn keeps directories and locks there under names that labs share,
// and the machine's sockets (systemd, D-Bus, name services) are no business of a lab.
func (h *holder) ownRun() error {
	dir, err := os.Open(h.cfg.Dir)
	if err != nil {
		return fmt.Errorf("open lab directory: %w", err)
	}
	defer dir.Close()
	if err := unix.Mount("nsched-lab-"+h.cfg.ID, "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	if err := os.MkdirAll(h.cfg.Dir, 0o755); err != nil {
		return fmt.Errorf("make lab directory: %w", err)
	}
	if err := unix.Mount(fmt.Sprintf("/proc/self/fd/%d", dir.Fd()), h.cfg.Dir, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind lab directory: %w", err)
	}
	if err := os.MkdirAll("/run/lock", 0o1777); err != nil {
		return fmt.Errorf("make /run/lock: %w", err)
	}
	return nil
}

// ownNames puts the lab's names and name servers in the place of the machine's.
func (h *holder) ownNames() error {
	if err := os.Mkdir(filepath.Join(h.fs, "etc"), 0o755); err != nil {
		return fmt.Errorf("make lab directory: %w", err)
	}
	for name, content := range map[string]string{"hosts": h.hostsFile(), "resolv.conf": h.resolvConf()} {
		own, etc := filepath.Join(h.fs, "etc", name), filepath.Join("/etc", name)
		if err := os.WriteFile(own, []byte(content), 0o644); err != nil {
			return fmt.Errorf("write %s: %w", own, err)
		}
		if err := bindFile(own, etc); err != nil {
			return fmt.Errorf("bind %s: %w", etc, err)
		}
	}
	return nil
}

// bindFile binds over a file, or over what a symbolic link points at: on many machines
// /etc/resolv.conf is a link into /run, where the target has to be made first.
func bindFile(own, at string) error {
	target, err := os.Readlink(at)
	if err != nil {
		target = at
	} else if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(at), target)
	}
	if _, err := os.Stat(target); err != nil {
		if !isBelow(target, "/run") {
			return nil // a machine without it has nothing to hide
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(target, nil, 0o644); err != nil {
			return err
		}
	}
	return unix.Mount(own, target, "", unix.MS_BIND, "")
}

func isBelow(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}
