package host

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// parts are the programs and files that a lab and what usually runs in it need, by Debian package.
var parts = []struct{ pkg, program, file string }{
	{pkg: "iproute2", program: "ip"},
	{pkg: "nftables", program: "nft"},
	{pkg: "util-linux", program: "nsenter"},
	{pkg: "util-linux", program: "unshare"},
	{pkg: "mount", program: "mount"},
	{pkg: "systemd", program: "systemctl"},
	{pkg: "systemd", file: "/lib/systemd/systemd"},
	{pkg: "systemd-container", program: "systemd-nspawn"},
	{pkg: "dbus", program: "dbus-daemon"},
	{pkg: "dbus", file: "/lib/systemd/system/dbus.socket"},
	{pkg: "busybox-static", program: "busybox"},
	{pkg: "nix-bin", program: "nix-store"},
}

// Packages are the Debian packages that a lab needs.
func Packages() []string {
	var out []string
	for _, p := range parts {
		out = append(out, p.pkg)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Check says in one error what the machine lacks for a lab and how to get it. It changes nothing.
func Check() error {
	var missing, packages []string
	for _, p := range parts {
		what := p.program
		var err error
		if p.program != "" {
			err = lookPath(p.program)
		} else {
			what = p.file
			_, err = os.Stat(p.file)
		}
		if err != nil {
			missing, packages = append(missing, what), append(packages, p.pkg)
		}
	}
	var advice []string
	if len(missing) > 0 {
		slices.Sort(packages)
		advice = append(advice, fmt.Sprintf("%s not found; on Debian: apt-get install %s",
			strings.Join(missing, ", "), strings.Join(slices.Compact(packages), " ")))
	}
	if os.Geteuid() != 0 {
		advice = append(advice, "namespaces and mounts need root; run it as root")
	}
	if data, err := os.ReadFile("/proc/filesystems"); err != nil || !strings.Contains(string(data), "\toverlay\n") {
		if exec.Command("modprobe", "overlay").Run() != nil {
			advice = append(advice, "the kernel has no overlay file system (CONFIG_OVERLAY_FS)")
		}
	}
	if len(advice) > 0 {
		return fmt.Errorf("check the machine: %s: %w", strings.Join(advice, "; "), ErrMissing)
	}
	return nil
}

// lookPath also looks where a user's PATH often does not.
func lookPath(program string) error {
	if _, err := exec.LookPath(program); err == nil {
		return nil
	}
	for _, dir := range []string{"/usr/sbin/", "/sbin/"} {
		if _, err := exec.LookPath(dir + program); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%s not found", program)
}
