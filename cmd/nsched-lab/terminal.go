package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

// interact gives a command a terminal of its own that mirrors this one: it cannot have this one, which
// controls another session.
func interact(ctx context.Context, run func(context.Context, host.Command) error, command host.Command) error {
	master, slave, err := openTerminal()
	if err != nil {
		return fmt.Errorf("open terminal: %w", err)
	}
	defer master.Close()
	restore, err := makeRaw(os.Stdin)
	if err != nil {
		_ = slave.Close()
		return fmt.Errorf("change terminal: %w", err)
	}
	defer restore()

	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	defer signal.Stop(resized)
	go func() { // ends with the process: its sources have no end of their own
		for copySize(os.Stdin, master); ; copySize(os.Stdin, master) {
			<-resized
		}
	}()
	go func() { _, _ = io.Copy(master, os.Stdin) }() // the same
	shown := make(chan struct{})
	go func() { // ends when the last copy of the slave is closed
		defer close(shown)
		_, _ = io.Copy(os.Stdout, master)
	}()
	command.Stdin, command.Stdout, command.Stderr, command.Terminal = slave, slave, slave, true
	command.Env = append([]string{"TERM=" + os.Getenv("TERM")}, command.Env...)
	err = run(ctx, command)
	_ = slave.Close()
	<-shown
	return err
}

func openTerminal() (master, slave *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		_ = master.Close()
		return nil, nil, err
	}
	return master, slave, nil
}

// makeRaw passes every key on as it is, Ctrl-C included, until restore is called.
func makeRaw(f *os.File) (restore func(), err error) {
	before, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		return nil, err
	}
	raw := *before
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Oflag &^= unix.OPOST
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cflag = raw.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, &raw); err != nil {
		return nil, err
	}
	return func() { _ = unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, before) }, nil
}

func copySize(from, to *os.File) {
	if size, err := unix.IoctlGetWinsize(int(from.Fd()), unix.TIOCGWINSZ); err == nil {
		_ = unix.IoctlSetWinsize(int(to.Fd()), unix.TIOCSWINSZ, size)
	}
}
