package systemd

import (
	"golang.org/x/sys/unix"
)

// signalNumber returns the number of a signal by its name, such as SIGTERM.
func signalNumber(name string) (int32, bool) {
	n := unix.SignalNum(name)
	return int32(n), n > 0
}

// capabilityNames lists capabilities(7) by their number, as of Linux 6.
var capabilityNames = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
	"CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
	"CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
	"CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
	"CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
}

const capNetBindService = uint64(1) << unix.CAP_NET_BIND_SERVICE

// capabilityBit returns the mask of a capability by its name, such as CAP_NET_RAW.
func capabilityBit(name string) (uint64, bool) {
	for i, known := range capabilityNames {
		if known == name {
			return 1 << i, true
		}
	}
	return 0, false
}
