package main

import (
	"bufio"
	"fmt"
	"log"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// report tells the witness who has started, and when.
func report(conn net.Conn, began time.Duration) error {
	token := os.Getenv("NSCHED_FENCE_TOKEN")
	if token == "" {
		token = "0"
	}
	_, err := fmt.Fprintf(conn, "%s %s %d token=%s began=%d\n", os.Getenv("NSCHED_UNIT"), os.Getenv("INVOCATION_ID"), os.Getpid(), token, began)
	if err != nil {
		return fmt.Errorf("tell the witness: %w", err)
	}
	return nil
}

// write shows the fence token to the register for as long as the process lives. It goes on when it has
// been refused: that somebody refused it is what the register is for.
func write(conn net.Conn, every time.Duration) {
	token := os.Getenv("NSCHED_FENCE_TOKEN")
	answers := bufio.NewReader(conn)
	var returned time.Duration
	for ; ; time.Sleep(every) {
		called := monotonic()
		if _, err := fmt.Fprintf(conn, "write %s %d %d\n", token, called, returned); err != nil {
			return
		}
		line, err := answers.ReadString('\n')
		if err != nil {
			return
		}
		returned = monotonic()
		if line != "ok\n" {
			log.Printf("the register says %s", line)
		}
	}
}

// monotonic is the machine's clock, which all hosts of a lab share.
func monotonic() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // fails for no valid clock
	return time.Duration(ts.Nano())
}
