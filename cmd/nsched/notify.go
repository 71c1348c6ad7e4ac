package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// notifyReady tells systemd that the service is up (sd_notify(3)). Without systemd it does nothing.
func notifyReady() error { return notify("READY=1", 0) }

// watchdog returns how the process shows systemd that its loop goes round, and how often it must; nil when
// systemd does not watch it (sd_watchdog_enabled(3)).
func watchdog(log zerolog.Logger) (ping func(), every time.Duration) {
	usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || usec <= 0 {
		return nil, 0
	}
	if pid := os.Getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return nil, 0
	}
	return func() {
		// A systemd that is too busy to read must not hold up the loop. What it has not read yet says the same.
		if err := notify("WATCHDOG=1", unix.MSG_DONTWAIT); err != nil {
			log.Debug().Err(err).Msg("systemd could not be told that the loop goes round")
		}
	}, time.Duration(usec) * time.Microsecond / 4
}

// notify sends one message to systemd.
func notify(message string, flags int) error {
	address := os.Getenv("NOTIFY_SOCKET")
	if address == "" {
		return nil
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	// A name that begins with @ is abstract: x/sys knows that, too.
	if err := unix.Sendto(fd, []byte(message), flags, &unix.SockaddrUnix{Name: address}); err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	return nil
}
