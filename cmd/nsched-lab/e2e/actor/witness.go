package main

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// report says to the witness who has started, on a connection that the kernel closes whatever ends the
// process.
func report(witness string) (net.Conn, error) {
	network := "tcp"
	if strings.HasPrefix(witness, "/") {
		network = "unix"
	}
	conn, err := net.DialTimeout(network, witness, 5*time.Second)
	if err != nil {
		return nil, fmt.Errorf("reach the witness: %w", err)
	}
	line := fmt.Sprintf("%s %s %d", os.Getenv("NSCHED_UNIT"), os.Getenv("INVOCATION_ID"), os.Getpid())
	if token := os.Getenv("NSCHED_FENCE_TOKEN"); token != "" {
		line += " token=" + token
	}
	if _, err := fmt.Fprintln(conn, line); err != nil {
		return nil, fmt.Errorf("tell the witness: %w", err)
	}
	return conn, nil
}
