package holder

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// forbidden are the rights that nothing in a lab may have: all hosts share the machine's clock and
// kernel.
var forbidden = []uintptr{unix.CAP_SYS_TIME, unix.CAP_SYS_MODULE, unix.CAP_SYS_RAWIO}

// dropCapabilities takes the forbidden rights out of the calling thread's bounding and inheritable
// sets, from which an execve computes root's new rights. The thread stays locked: the execve has to
// come from it.
func dropCapabilities() error {
	runtime.LockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	for _, c := range forbidden {
		data[c/32].Inheritable &^= 1 << (c % 32) // the kernel lowers the ambient set with it
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			return fmt.Errorf("drop capability %d: %w", c, err)
		}
	}
	if err := unix.Capset(&header, &data[0]); err != nil {
		return fmt.Errorf("drop inheritable capabilities: %w", err)
	}
	return nil
}
