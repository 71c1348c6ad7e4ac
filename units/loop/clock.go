package loop

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsched/nsched/units"
)

// Now reads the machine's two clocks. CLOCK_BOOTTIME has existed since Linux 2.6.39 (clock_gettime(2));
// a kernel that refuses it cannot run nsched.
func Now() units.Instant {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic(fmt.Sprintf("read CLOCK_BOOTTIME: %v", err))
	}
	return units.Instant{Wall: time.Now(), Boot: time.Duration(ts.Nano())}
}
