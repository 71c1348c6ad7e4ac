package nixtest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// Fresh empties the store, its database, its roots and what Nix remembers of caches. size limits it, as
// tmpfs writes it ("4m"); "" is 512 MiB.
func Fresh(t testing.TB, size string) {
	t.Helper()
	if os.Getenv(insideEnv) == "" {
		t.Fatal("TestMain must call nixtest.Main")
	}
	if err := syscall.Unmount("/nix", syscall.MNT_DETACH); err != nil {
		t.Fatalf("unmount /nix: %v", err)
	}
	if err := mountStore(size); err != nil {
		t.Fatal(err)
	}
}

func mountStore(size string) error {
	if size == "" {
		size = "512m"
	}
	if err := syscall.Mount("nixtest", "/nix", "tmpfs", 0, "mode=0755,size="+size); err != nil {
		return fmt.Errorf("mount /nix: %w", err)
	}
	// One user, no sandbox: what a machine without Nix' build users can do.
	env := map[string]string{
		"NIX_CONFIG":          "build-users-group =\nsandbox = false\nextra-experimental-features = nix-command\n",
		"HOME":                "/nix/home",
		"XDG_CACHE_HOME":      "/nix/home/.cache",
		"NIX_REMOTE":          "",
		"NIX_USER_CONF_FILES": "/dev/null",
	}
	for k, v := range env {
		if err := os.Setenv(k, v); err != nil {
			return err
		}
	}
	return os.MkdirAll("/nix/home", 0o755)
}

// Run executes a program of Nix and returns its standard output without the last line's end.
func Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "NIX_CONFIG="+os.Getenv("NIX_CONFIG")+"substituters =\nmax-jobs = 1\n")
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, errs.String())
	}
	return strings.TrimSpace(string(out))
}

// Collect runs the garbage collector.
func Collect(t testing.TB) {
	t.Helper()
	Run(t, "nix-store", "--gc")
}
