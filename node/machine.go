package node

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsched/nsched/units"
)

// Host describes the machine that the daemon runs on.
type Host struct {
	// Offer is what the operator decided: labels, traits, pool, addresses, ports kept free, caches,
	// key, API. What it leaves out is read from the machine.
	Offer units.Node
	// Reserve is kept from what the machine has.
	Reserve units.Capacity
	// StoreDir is where closures and state take their space; /nix/store when empty.
	StoreDir string
	// Versions asks for those of systemd and Nix; nil leaves them out.
	Versions func(ctx context.Context) (systemd, nix string)
}

// errTooSmall: what is left after the reserve is nothing.
var errTooSmall = errors.New("the reserve leaves nothing to offer")

// Describe implements Machine.
func (h Host) Describe(ctx context.Context) (units.Node, error) {
	n := h.Offer
	n.System = nixSystem()
	n.AppSchema = units.AppSchema
	var err error
	if n.Capacity, err = h.capacity(); err != nil {
		return units.Node{}, err
	}
	if n.BootID == "" {
		if n.BootID, err = BootID(); err != nil {
			return units.Node{}, err
		}
	}
	n.OS, n.Kernel = osRelease(), kernelRelease()
	if len(n.Addresses) == 0 {
		if n.Addresses, err = Addresses(); err != nil {
			return units.Node{}, err
		}
	}
	if outgoing, ok := outgoingPorts(); ok {
		n.ReservedPorts = append(n.ReservedPorts[:len(n.ReservedPorts):len(n.ReservedPorts)], outgoing)
	}
	if h.Versions != nil {
		n.Versions.Systemd, n.Versions.Nix = h.Versions(ctx)
	}
	return n, nil
}

// BootID reads the kernel's id of this boot (random(4)).
func BootID() (string, error) {
	raw, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read the boot id: %w", err)
	}
	return strings.TrimSpace(string(raw)), nil
}

// nixSystem is Nix' word for this machine.
func nixSystem() string {
	arch := map[string]string{"amd64": "x86_64", "arm64": "aarch64", "386": "i686", "arm": "armv7l", "riscv64": "riscv64"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	return arch + "-linux"
}

// capacity is what the machine has, less the reserve. Disk is what the store's file system has in all,
// not what is free: what units take of it is counted by whoever places them.
func (h Host) capacity() (units.Capacity, error) {
	memory, err := memoryBytes()
	if err != nil {
		return units.Capacity{}, err
	}
	dir := h.StoreDir
	if dir == "" {
		dir = "/nix/store"
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			return units.Capacity{}, fmt.Errorf("read the size of %s: %w", dir, err)
		}
		if err := unix.Statfs("/", &st); err != nil {
			return units.Capacity{}, fmt.Errorf("read the size of /: %w", err)
		}
	}
	c := units.Capacity{
		CPUMilli:    int64(runtime.NumCPU())*1000 - h.Reserve.CPUMilli,
		MemoryBytes: memory - h.Reserve.MemoryBytes,
		DiskBytes:   int64(st.Blocks)*st.Bsize - h.Reserve.DiskBytes,
		Devices:     h.Offer.Capacity.Devices,
	}
	if c.CPUMilli <= 0 || c.MemoryBytes <= 0 || c.DiskBytes < 0 {
		return units.Capacity{}, fmt.Errorf("describe the machine: %w: lower resources.reserve", errTooSmall)
	}
	return c, nil
}

// memoryBytes reads MemTotal (proc(5)).
func memoryBytes() (int64, error) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, fmt.Errorf("read the machine's memory: %w", err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "MemTotal:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(text, "kB")), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read the machine's memory: %w", err)
			}
			return kb << 10, nil
		}
	}
	return 0, errors.New("read the machine's memory: /proc/meminfo has no MemTotal")
}

// osRelease is the distribution's id and version (os-release(5)), such as "debian 12"; empty when unknown.
func osRelease() string {
	raw, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return ""
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			fields[name] = strings.Trim(value, `"'`)
		}
	}
	return strings.TrimSpace(fields["ID"] + " " + fields["VERSION_ID"])
}

func kernelRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// errNoAddress: nothing on this machine can be reached from another.
var errNoAddress = errors.New("this machine has no address but loopback; set node.addresses")

// Addresses returns the machine's own, global ones, IPv4 before IPv6, in the order of its interfaces.
func Addresses() ([]string, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("read the machine's addresses: %w", err)
	}
	var four, six []string
	for _, a := range all {
		prefix, ok := a.(*net.IPNet)
		if !ok || !prefix.IP.IsGlobalUnicast() {
			continue
		}
		if prefix.IP.To4() != nil {
			four = append(four, prefix.IP.String())
		} else {
			six = append(six, prefix.IP.String())
		}
	}
	if four = append(four, six...); len(four) == 0 {
		return nil, errNoAddress
	}
	return four, nil
}

// outgoingPorts is the range that the kernel takes for outgoing connections, as far as it overlaps the
// one that units get their ports from.
func outgoingPorts() (units.PortRange, bool) {
	raw, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return units.PortRange{}, false
	}
	var r units.PortRange
	if _, err := fmt.Sscan(string(raw), &r.First, &r.Last); err != nil {
		return units.PortRange{}, false
	}
	return r, r.First <= units.DynamicPortLast && r.Last >= units.DynamicPortFirst
}
