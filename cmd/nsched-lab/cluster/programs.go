package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Programs are the files that a cluster is made of, below a checkout of nsched.
type Programs struct {
	Root string // the checkout
	bin  string
}

// The programs, by their place below bin.
const (
	nschedProgram   = "nsched"
	shimProgram     = "nsched-exec"
	etcdProgram     = "parts/etcd"
	etcdctlProgram  = "parts/etcdctl"
	coreDNSProgram  = "parts/coredns"
	helloProgram    = "lab/hello"
	assembleProgram = "lab/assemble"
)

// Built returns the programs that "make build parts" left in a checkout, and builds the example, which
// that leaves out. What is missing is an error that says how to build it.
func Built(ctx context.Context, root string) (Programs, error) {
	p := Programs{Root: root, bin: filepath.Join(root, "bin")}
	for _, name := range []string{nschedProgram, shimProgram, etcdProgram, coreDNSProgram} {
		if _, err := os.Stat(p.path(name)); errors.Is(err, fs.ErrNotExist) {
			return Programs{}, fmt.Errorf("find %s: run: make build parts", p.path(name))
		} else if err != nil {
			return Programs{}, fmt.Errorf("find the programs: %w", err)
		}
	}
	return p, p.Compile(ctx, map[string]string{"./examples/hello": helloProgram, "./examples/hello/assemble": assembleProgram})
}

// Build builds all programs anew where their sources changed, as make does.
func Build(ctx context.Context, root string) (Programs, error) {
	p := Programs{Root: root, bin: filepath.Join(root, "bin")}
	err := p.Compile(ctx, map[string]string{
		"./cmd/nsched": nschedProgram, "./cmd/nsched-exec": shimProgram,
		"./examples/hello": helloProgram, "./examples/hello/assemble": assembleProgram,
	})
	if err != nil {
		return Programs{}, err
	}
	parts := filepath.Join(root, "cmd/nsched-lab/parts")
	for name, pkg := range map[string]string{etcdProgram: "go.etcd.io/etcd/server/v3", etcdctlProgram: "go.etcd.io/etcd/etcdctl/v3"} {
		if err := p.compile(ctx, filepath.Join(parts, "etcd"), pkg, name); err != nil {
			return Programs{}, err
		}
	}
	return p, p.compile(ctx, filepath.Join(parts, "coredns"), ".", coreDNSProgram)
}

// Compile builds packages of the checkout, by the place of their programs below bin.
func (p Programs) Compile(ctx context.Context, packages map[string]string) error {
	for pkg, name := range packages {
		if err := p.compile(ctx, p.Root, pkg, name); err != nil {
			return err
		}
	}
	return nil
}

// compile builds one static program with the flags that make uses, so that each finds the other's work
// done.
func (p Programs) compile(ctx context.Context, dir, pkg, name string) error {
	version := "unknown"
	if out, err := exec.CommandContext(ctx, "git", "-C", p.Root, "describe", "--tags", "--always", "--dirty").Output(); err == nil {
		version = strings.TrimSpace(string(out))
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w -X main.version="+version, "-o", p.path(name), pkg)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// path is where a program is.
func (p Programs) path(name string) string { return filepath.Join(p.bin, name) }

// Nsched is the program that people type.
func (p Programs) Nsched() string { return p.path(nschedProgram) }

// Checkout finds the checkout that a directory is in: the nearest one above with nsched's go.mod.
func Checkout(dir string) (string, error) {
	for at := dir; ; at = filepath.Dir(at) {
		if text, err := os.ReadFile(filepath.Join(at, "go.mod")); err == nil && strings.HasPrefix(string(text), "module github.com/nsched/nsched\n") {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("find the checkout of nsched: %s is in none", dir)
		}
	}
}
