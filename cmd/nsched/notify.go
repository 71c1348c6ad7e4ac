package main

import (
	"fmt"
	"net"
	"os"
	"strings"
)

// notifyReady tells systemd that the service is up (sd_notify(3)). Without systemd it does nothing.
func notifyReady() error {
	address := os.Getenv("NOTIFY_SOCKET")
	if address == "" {
		return nil
	}
	if name, abstract := strings.CutPrefix(address, "@"); abstract {
		address = "\x00" + name
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	if _, err := conn.Write([]byte("READY=1")); err != nil {
		_ = conn.Close()
		return fmt.Errorf("tell systemd: %w", err)
	}
	return conn.Close()
}
