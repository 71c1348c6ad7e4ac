package conformance

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nsched/nsched/units/registry"
	"github.com/nsched/nsched/units/registry/embedded"
)

// childEnv tells the test binary to be an etcd: the directory and the URL, with a newline between.
const childEnv = "NSCHED_CONFORMANCE_ETCD"

func TestMain(m *testing.M) {
	if what := os.Getenv(childEnv); what != "" {
		os.Exit(beEtcd(what))
	}
	os.Exit(m.Run())
}

// beEtcd runs until standard input ends, which it does when the parent dies.
func beEtcd(what string) int {
	dir, listen, _ := strings.Cut(what, "\n")
	s, err := embedded.Start(context.Background(), embedded.Options{Dir: dir, Listen: []string{listen}, CompactAfter: -1})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer s.Close()
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// child is an etcd in a process of its own, which can be killed, stopped and started again at one place.
type child struct {
	t        *testing.T
	dir, url string
	cmd      *exec.Cmd
}

func newChild(t *testing.T) *child {
	t.Helper()
	dir := t.TempDir()
	return &child{t: t, dir: filepath.Join(dir, "data"), url: "unix://" + filepath.Join(dir, "socket")}
}

// start runs it and waits until it answers.
func (c *child) start() {
	c.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+c.dir+"\n"+c.url)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.cmd = cmd
	c.t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "ready\n" {
		c.t.Fatalf("etcd said %q, %v", line, err)
	}
}

// kill ends it as a power cut would end the process.
func (c *child) kill() {
	c.t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		c.t.Fatal(err)
	}
	_ = c.cmd.Wait()
}

func (c *child) signal(s syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

func (c *child) connect(o registry.EtcdOptions) *registry.Etcd {
	c.t.Helper()
	o.Endpoints = []string{c.url}
	return connect(c.t, o)
}

// until repeats do until it succeeds.
func until(t *testing.T, what string, do func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if err = do(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}
