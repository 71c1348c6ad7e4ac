package nixtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// insideEnv tells the inner process where its root is to be, and its own children (the workers of a fuzz
// test) that they are inside already.
const (
	insideEnv = "NSCHED_NIXTEST_ROOT"
	entered   = "entered"
)

// Main is for TestMain: it runs the tests inside a private mount namespace and returns the exit code.
func Main(m *testing.M) int {
	root := os.Getenv(insideEnv)
	if root == entered {
		return m.Run()
	}
	if root != "" {
		if err := enter(root); err != nil {
			fmt.Fprintln(os.Stderr, "nixtest: enter private root:", err)
			return 1
		}
		return m.Run()
	}
	code, err := again()
	if err != nil {
		fmt.Fprintln(os.Stderr, "nixtest: run in a private mount namespace (root is needed):", err)
		return 1
	}
	return code
}

// again runs this binary in a new mount namespace. Go makes every mount in it private before it executes.
func again() (int, error) {
	root, err := os.MkdirTemp("", "nixtest-")
	if err != nil {
		return 1, err
	}
	defer os.Remove(root)
	// The kernel ends the child when the thread that started it ends: the thread must be this one.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideEnv+"="+root)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	// A terminal sends its signals to the child as well; this process only waits for it.
	signal.Ignore(syscall.SIGINT, syscall.SIGQUIT)
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil
	}
	return 0, err
}

// enter makes a root of the machine's own top-level directories and an empty /nix, and goes there. A
// /nix on the machine's root file system is not needed for it and would be hidden.
func enter(root string) error {
	cwd, err := os.Getwd()
	if err != nil {
		return err
	}
	if err := syscall.Mount("nixtest", root, "tmpfs", 0, "mode=0755"); err != nil {
		return fmt.Errorf("mount %s: %w", root, err)
	}
	entries, err := os.ReadDir("/")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == "nix" {
			continue
		}
		if err := mirror(filepath.Join("/", e.Name()), filepath.Join(root, e.Name()), e); err != nil {
			return err
		}
	}
	if err := os.Mkdir(filepath.Join(root, "nix"), 0o755); err != nil {
		return err
	}
	if err := syscall.Chroot(root); err != nil {
		return fmt.Errorf("change root: %w", err)
	}
	if err := os.Chdir(cwd); err != nil {
		return err
	}
	if err := os.Setenv(insideEnv, entered); err != nil {
		return err
	}
	return mountStore("")
}

func mirror(from, to string, e os.DirEntry) error {
	switch {
	case e.Type()&os.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case e.IsDir():
		if err := os.Mkdir(to, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(from, to, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
			return fmt.Errorf("bind %s: %w", from, err)
		}
	}
	return nil
}
