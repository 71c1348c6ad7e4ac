package recovery

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/e2e/stage"
	"github.com/nsched/nsched/cmd/nsched-lab/host"
	"github.com/nsched/nsched/units/registry"
)

// locked is a cluster whose etcd asks everybody who they are, and has room for little. Node n1 says it
// by its certificate, everybody else by a password for which they get a token that lasts a second.
var locked = stage.Lazy{Turn: &turn, Open: func(ctx context.Context) (*stage.Stage, error) {
	lockedEtcd = &lockedServer{}
	return stage.Plan{
		Prepare:    lockedEtcd.open,
		Files:      func(name string) map[string][]byte { return lockedEtcd.files(name, time.Hour) },
		Schedulers: []string{"s1"}, Environment: map[string]string{
			"NSCHED_ETCD_ENDPOINTS": lockedURL, "NSCHED_ETCD_ALLOW_INSECURE": "false",
			"NSCHED_ETCD_CACERT": etcdFile("ca"), "NSCHED_ETCD_CERT": etcdFile("cert"), "NSCHED_ETCD_KEY": etcdFile("key"),
			"NSCHED_ETCD_USERNAME": "s1", "NSCHED_ETCD_PASSWORD_FILE": etcdFile("password"),
		},
		Nodes: []string{"n1", "n2"}, Node: func(name string) cluster.NodeOptions {
			etcd := map[string]any{
				"endpoints": []string{lockedURL}, "allowInsecure": false,
				"cacert": etcdFile("ca"), "cert": etcdFile("cert"), "key": etcdFile("key"),
			}
			if name != "n1" {
				etcd["username"], etcd["passwordFile"] = name, etcdFile("password")
			}
			return cluster.NodeOptions{Settings: map[string]map[string]any{"etcd": etcd}}
		},
	}.Open(ctx)
}}

var lockedEtcd *lockedServer

const (
	lockedURL = "https://" + host.LabName + ":2479"
	// lockedQuota is how large its database may become, and lockedToken how long a token lasts unused.
	lockedQuota = 24 << 20
	lockedToken = time.Second
	rootAccess  = "root:root"
)

func etcdFile(name string) string { return "/etc/nsched/etcd." + name }

// lockedServer is the etcd of the locked cluster.
type lockedServer struct {
	s  *stage.Stage
	ca *authority

	mu      sync.Mutex
	process *host.Process
}

func (l *lockedServer) dir() string    { return filepath.Join(host.StateDir, l.s.Lab.ID(), "locked") }
func (l *lockedServer) socket() string { return filepath.Join(l.dir(), "etcd.sock") }

// open starts it and makes users and roles.
func (l *lockedServer) open(ctx context.Context, s *stage.Stage) (err error) {
	l.s = s
	if l.ca, err = newAuthority(); err != nil {
		return err
	}
	if err := l.ca.write(l.dir(), "server", time.Hour, host.LabName); err != nil {
		return err
	}
	if err := l.start(ctx); err != nil {
		return err
	}
	for name, text := range l.files("dev", time.Hour) {
		if err := s.Dev.WriteFile(ctx, name, text, 0o600); err != nil {
			return err
		}
	}
	s.Environment = []string{
		"NSCHED_ENDPOINTS=" + lockedURL, "NSCHED_CACERT=" + etcdFile("ca"), "NSCHED_CERT=" + etcdFile("cert"), "NSCHED_KEY=" + etcdFile("key"),
		"NSCHED_USER=dev", "NSCHED_PASSWORD_FILE=" + etcdFile("password"),
	}
	if err := l.lock(ctx); err != nil {
		return err
	}
	// What the tests read themselves is this cluster's from now on.
	if err := s.Registry.Close(); err != nil {
		return err
	}
	s.Registry, err = registry.NewEtcd(registry.EtcdOptions{Endpoints: []string{"unix://" + l.socket()}, Username: "root", Password: "root"})
	return err
}

// start starts it with the data it had and returns when it answers.
func (l *lockedServer) start(ctx context.Context) error {
	p, err := l.s.Start(ctx, "etcd-locked.log", l.s.Part("etcd"),
		"--name=locked", "--data-dir=/run/etcd-locked", "--log-level=warn",
		"--listen-client-urls="+strings.Replace(lockedURL, host.LabName, "0.0.0.0", 1)+",unix://"+l.socket(),
		"--advertise-client-urls="+lockedURL, "--listen-peer-urls=http://127.0.0.1:2480",
		"--initial-cluster=locked=http://127.0.0.1:2480", "--initial-advertise-peer-urls=http://127.0.0.1:2480",
		"--cert-file="+filepath.Join(l.dir(), "server.cert"), "--key-file="+filepath.Join(l.dir(), "server.key"),
		"--client-cert-auth", "--trusted-ca-file="+filepath.Join(l.dir(), "server.ca"),
		"--auth-token=simple", fmt.Sprintf("--auth-token-ttl=%d", int(lockedToken/time.Second)), fmt.Sprintf("--quota-backend-bytes=%d", lockedQuota),
	)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.process = p
	l.mu.Unlock()
	for {
		_, err := l.ctl(ctx, "endpoint", "health")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-p.Done():
			return fmt.Errorf("etcd-locked.log in %s says why: %w", l.s.Lab.Logs(), p.Wait())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// kill kills it and returns when it is gone. Its data stay, and all tokens are gone.
func (l *lockedServer) kill() error {
	l.mu.Lock()
	p := l.process
	l.mu.Unlock()
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.Done()
	return nil
}

// ctl runs etcd's own tool as its root, over a socket.
func (l *lockedServer) ctl(ctx context.Context, args ...string) (string, error) {
	return l.s.EtcdctlAt(ctx, "unix://"+l.socket(), append([]string{"--user=" + rootAccess}, args...)...)
}

// lock makes the users, each with what it needs and nothing else, and has etcd ask for them.
func (l *lockedServer) lock(ctx context.Context) error {
	do := func(args ...string) error {
		_, err := l.s.EtcdctlAt(ctx, "unix://"+l.socket(), args...)
		return err
	}
	for name, grants := range l.grants() {
		if err := errors.Join(do("user", "add", name+":"+name), do("role", "add", name), do("user", "grant-role", name, name)); err != nil {
			return err
		}
		for _, g := range grants {
			args := []string{"role", "grant-permission", name, g.how, g.key}
			if strings.HasSuffix(g.key, "/") {
				args = append(args, "--prefix")
			}
			if err := do(args...); err != nil {
				return err
			}
		}
	}
	return errors.Join(do("user", "add", rootAccess), do("user", "grant-role", "root", "root"), do("auth", "enable"))
}

type grant struct{ how, key string }

// grants are what each user may do, as the README lists it: a node reads what concerns all and writes what
// bears its name.
func (l *lockedServer) grants() map[string][]grant {
	p := l.s.Keys.Prefix()
	all := func(how string, names ...string) (out []grant) {
		for _, name := range names {
			out = append(out, grant{how, p + name})
		}
		return out
	}
	node := func(name string) []grant {
		out := all("read", "cluster", "cluster/clock", "nodes/", "generations/", "units/"+name+"/", "fence/"+name)
		return append(out, all("readwrite", "nodes/"+name, "alive/"+name, "agent/"+name, "status/"+name+"/", "events/node."+name+"/",
			"endpoints/default/"+name+"/")...)
	}
	scheduler := append(all("read", ""), all("readwrite", "cluster", "cluster/clock", "leader/", "units/", "slots/", "summary/", "fence/",
		"skydns/", "events/scheduler.s1/", "generations/", "rollouts/")...)
	person := append(all("read", ""), all("readwrite", "apps/", "generations/", "names/", "operator/")...)
	return map[string][]grant{"n1": node("n1"), "n2": node("n2"), "s1": scheduler, "dev": person}
}

// files are what a machine shows to etcd, for so long.
func (l *lockedServer) files(name string, lasts time.Duration) map[string][]byte {
	user := name
	if name != "n1" {
		user = "nobody" // so that only the password says who it is
	}
	cert, key, err := l.ca.issue(user, lasts)
	if err != nil {
		panic(err) // the system's random source
	}
	return map[string][]byte{
		etcdFile("ca"): l.ca.pem, etcdFile("cert"): cert, etcdFile("key"): key, etcdFile("password"): []byte(name + "\n"),
	}
}
