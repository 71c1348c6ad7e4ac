package dns_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nsched/nsched/dns"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/loop"
	"github.com/nsched/nsched/units/registry"
	"github.com/nsched/nsched/units/registry/embedded"
)

// The real parts: an etcd in this process, CoreDNS with the example's Corefile, and dig.

// realDNS is a cluster of which only the records are real.
type realDNS struct {
	t    *testing.T
	etcd *embedded.Server
	kv   *registry.Etcd
	keys registry.Keys
	port string
}

func startRealDNS(t *testing.T) *realDNS {
	t.Helper()
	keys, err := registry.NewKeys("")
	if err != nil {
		t.Fatal(err)
	}
	r := &realDNS{t: t, keys: keys}
	r.etcd, err = embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir(), Listen: []string{"http://127.0.0.1:0"}, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.etcd.Close)
	if r.kv, err = registry.NewEtcd(registry.EtcdOptions{Endpoints: r.etcd.Endpoints()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.kv.Close() })
	r.startCoreDNS()
	r.follow()
	return r
}

// coreDNS builds the server where it is built already, which takes no time.
func coreDNS(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(cache, "nsched", "parts", "coredns")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, ".")
	build.Dir = filepath.Join("..", "cmd", "nsched-lab", "parts", "coredns")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build CoreDNS: %v\n%s", err, out)
	}
	return program
}

func (r *realDNS) startCoreDNS() {
	r.t.Helper()
	corefile, err := os.ReadFile(filepath.Join("..", "examples", "coredns", "Corefile"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.port = freePort(r.t)
	for from, to := range map[string]string{
		"example.org:53 {": "example.org:" + r.port + " {", "endpoint http://127.0.0.1:2379": "endpoint " + r.etcd.Endpoints()[0],
	} {
		if !bytes.Contains(corefile, []byte(from)) {
			r.t.Fatalf("the example's Corefile has no %q", from)
		}
		corefile = bytes.Replace(corefile, []byte(from), []byte(to), 1)
	}
	name := filepath.Join(r.t.TempDir(), "Corefile")
	if err := os.WriteFile(name, corefile, 0o600); err != nil {
		r.t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.Command(coreDNS(r.t), "-conf", name)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if r.t.Failed() {
			r.t.Logf("CoreDNS said:\n%s", out.String())
		}
	})
}

// freePort returns a port that is free for both protocols now.
func freePort(t *testing.T) string {
	t.Helper()
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		u, err := net.ListenPacket("udp", l.Addr().String())
		if err == nil {
			defer u.Close()
			_, port, _ := net.SplitHostPort(l.Addr().String())
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}

// committing is a leader's shell that only writes the DNS.
type committing struct {
	r    *realDNS
	mail *loop.Mailbox
	exec loop.Executor
	view *registry.View
	dns  *dns.Syncer
	busy bool
	seen int64
}

// follow runs the shell until the test ends.
func (r *realDNS) follow() {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	mail := loop.NewMailbox()
	pool := loop.NewPool(ctx, mail)
	s := &committing{r: r, mail: mail, exec: pool}
	var err error
	if s.dns, err = dns.New(dns.Options{Exec: pool, Keys: r.keys}); err != nil {
		r.t.Fatal(err)
	}
	var prefixes []string
	for _, kind := range dns.Kinds() {
		prefixes = append(prefixes, r.keys.Under(kind))
	}
	s.view, err = registry.NewView(registry.ViewOptions{
		KV: r.kv, Exec: pool, Mail: mail, Sink: s.dns, Prefixes: prefixes, Keys: []string{r.keys.Cluster()}, Cover: r.keys.Prefix(),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- loop.Run(ctx, s, mail, loop.Now) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Error(err)
		}
		s.view.Close()
		pool.Wait()
	})
}

// Step implements loop.Stepper.
func (s *committing) Step(ctx context.Context, now units.Instant) (units.Instant, error) {
	s.mail.Apply(now)
	next, err := s.view.Step(ctx, now)
	if err != nil {
		return next, err
	}
	if s.view.Revision() > 0 && s.view.Revision() >= s.seen && !s.busy {
		s.dns.Lead(now, false)
		if groups := s.dns.Writes(now); len(groups) > 0 {
			s.busy = true
			loop.Go(s.exec, "txn", "skydns", func(ctx context.Context) (rev int64, err error) {
				for _, g := range groups {
					res, err := s.r.kv.Txn(ctx, registry.Txn{If: g.If, Then: g.Then})
					if err != nil {
						return rev, err
					}
					rev = res.Revision
				}
				return rev, nil
			}, func(_ units.Instant, rev int64, _ error) { s.busy, s.seen = false, rev })
		}
	}
	wish, err := s.dns.Step(ctx, now)
	return loop.Earliest(next, wish), err
}

// do writes keys; a nil value deletes.
func (r *realDNS) do(values map[string]any) {
	r.t.Helper()
	var txn registry.Txn
	for key, value := range values {
		op := registry.Op{Kind: registry.OpDelete, Key: key}
		if value != nil {
			raw, err := registry.Encode(value, registry.Extra{})
			if err != nil {
				r.t.Fatal(err)
			}
			op = registry.Op{Kind: registry.OpPut, Key: key, Value: raw}
		}
		txn.Then = append(txn.Then, op)
	}
	if _, err := r.kv.Txn(r.t.Context(), txn); err != nil {
		r.t.Fatal(err)
	}
}

// app stores a generation of web with these records and one port, http.
func (r *realDNS) app(ports, records string) {
	doc := `{"schema":1,"namespace":"prod","name":"web","type":"service","count":3,` +
		`"path":"/nix/store/00000000000000000000000000000000-web","command":["bin/web"],"ports":` + ports + `,"dns":` + records + `}`
	if _, err := units.ParseApp([]byte(doc)); err != nil {
		r.t.Fatal(err)
	}
	r.do(map[string]any{r.keys.Generation(web, 1): units.Submission{Document: doc}, r.keys.App(web): units.Intent{Generation: 1, Count: 3}})
}

func (r *realDNS) endpoint(slot units.Slot, port uint16, addresses ...string) map[string]any {
	return map[string]any{r.keys.Endpoint("n"+units.NodeName(slot), unit(slot)): units.Endpoint{
		Addresses: addresses, Ports: map[string]uint16{"http": port, "admin": port + 1},
	}}
}

// dig returns the status and the sorted records of a section, without their TTLs: the cache's second.
func (r *realDNS) dig(section, name, kind string) []string {
	r.t.Helper()
	out, err := exec.CommandContext(r.t.Context(), "dig", "@127.0.0.1", "-p", r.port, "+time=5", "+tries=1", "+noall", "+comments",
		"+"+section, name, kind).CombinedOutput()
	if err != nil {
		return []string{fmt.Sprintf("%v", err)}
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		line = strings.Join(strings.Fields(line), " ")
		switch {
		case strings.Contains(line, "status: "):
			_, status, _ := strings.Cut(line, "status: ")
			status, _, _ = strings.Cut(status, ",")
			lines = append(lines, status)
		case line != "" && !strings.HasPrefix(line, ";"):
			name, rest, _ := strings.Cut(line, " ")
			ttl, rest, _ := strings.Cut(rest, " IN ")
			if ttl != "0" && ttl != "1" {
				rest += " for " + ttl + " s"
			}
			lines = append(lines, name+" "+rest)
		}
	}
	slices.Sort(lines)
	return lines
}

// answers waits for an answer and fails the test when it does not come.
func (r *realDNS) answers(section, name, kind string, want ...string) {
	r.t.Helper()
	slices.Sort(want)
	var got []string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if got = r.dig(section, name, kind); slices.Equal(got, want) {
			return
		}
	}
	r.t.Fatalf("%s %s %s:\n%s", name, kind, section, cmp.Diff(want, got, cmpopts.EquateEmpty()))
}

const onePort, twoPorts = `[{"name":"http"}]`, `[{"name":"http"},{"name":"admin"}]`

func TestCoreDNSAnswersAsTheUnitsLive(t *testing.T) {
	r := startRealDNS(t)
	r.app(onePort, `[{"name":"web.example.org","type":"A","ttl":30},{"name":"web.example.org","type":"SRV","ttl":30},
		{"name":"who.web.example.org","type":"TXT"}]`)
	r.do(r.endpoint("0", 20000, "127.0.0.1"))
	r.do(r.endpoint("1", 20001, "127.0.0.2", "2001:db8::2"))

	r.answers("answer", "web.example.org", "A", "NOERROR", "web.example.org. A 127.0.0.1", "web.example.org. A 127.0.0.2")
	r.answers("answer", "0.web.example.org", "A", "NOERROR", "0.web.example.org. A 127.0.0.1")
	r.answers("answer", "1.web.example.org", "AAAA", "NOERROR", "1.web.example.org. AAAA 2001:db8::2")
	for _, name := range []string{"web.example.org", "_http._tcp.web.example.org"} {
		r.answers("answer", name, "SRV", "NOERROR",
			name+". SRV 10 50 20000 0.web.example.org.", name+". SRV 10 50 20001 1.web.example.org.")
		r.answers("additional", name, "SRV", "NOERROR",
			"0.web.example.org. A 127.0.0.1", "1.web.example.org. A 127.0.0.2")
	}
	r.answers("answer", "who.web.example.org", "TXT", "NOERROR",
		`who.web.example.org. TXT "app=prod/web slot=0 generation=1 node=n0"`,
		`who.web.example.org. TXT "app=prod/web slot=1 generation=1 node=n1"`)

	t.Run("names above and beside have no part of it", func(t *testing.T) {
		r := *r
		r.t = t
		r.answers("answer", "example.org", "A", "NOERROR")
		r.answers("answer", "_tcp.web.example.org", "SRV", "NOERROR")
		r.answers("answer", "who.web.example.org", "A", "NOERROR")
		r.answers("answer", "web.example.org", "AAAA", "NOERROR")
		r.answers("answer", "2.web.example.org", "A", "NXDOMAIN")
		r.answers("answer", "other.example.org", "A", "NXDOMAIN")
	})

	// A unit moves, one comes, one goes.
	r.do(r.endpoint("0", 20005, "127.0.0.3"))
	r.do(r.endpoint("2", 20002, "127.0.0.2"))
	r.answers("answer", "web.example.org", "A", "NOERROR", "web.example.org. A 127.0.0.2", "web.example.org. A 127.0.0.3")
	r.answers("answer", "web.example.org", "SRV", "NOERROR",
		"web.example.org. SRV 10 33 20005 0.web.example.org.", "web.example.org. SRV 10 33 20001 1.web.example.org.",
		"web.example.org. SRV 10 33 20002 2.web.example.org.")
	r.do(map[string]any{r.keys.Endpoint("n1", unit("1")): nil})
	r.answers("answer", "web.example.org", "SRV", "NOERROR",
		"web.example.org. SRV 10 50 20005 0.web.example.org.", "web.example.org. SRV 10 50 20002 2.web.example.org.")
	r.answers("answer", "1.web.example.org", "A", "NXDOMAIN")

	r.do(map[string]any{r.keys.Endpoint("n0", unit("0")): nil, r.keys.Endpoint("n2", unit("2")): nil})
	r.answers("answer", "web.example.org", "A", "NXDOMAIN")
	r.answers("answer", "who.web.example.org", "TXT", "NXDOMAIN")
}

func TestCoreDNSKeepsGenerationsPortsAndUnitsApart(t *testing.T) {
	r := startRealDNS(t)
	r.app(twoPorts, `[{"name":"example.org","type":"A","perUnit":true},{"name":"_admin._tcp.web.example.org","type":"SRV"},
		{"name":"alias.example.org","type":"CNAME"}]`)
	r.do(r.endpoint("0", 20000, "127.0.0.1", "0.example.org"))
	r.do(r.endpoint("1", 20002, "127.0.0.2", "1.example.org"))
	r.answers("answer", "example.org", "A", "NOERROR", "example.org. A 127.0.0.1", "example.org. A 127.0.0.2")
	r.answers("answer", "0.example.org", "A", "NOERROR", "0.example.org. A 127.0.0.1")
	r.answers("answer", "_admin._tcp.web.example.org", "SRV", "NOERROR",
		"_admin._tcp.web.example.org. SRV 10 50 20001 0.web.example.org.",
		"_admin._tcp.web.example.org. SRV 10 50 20003 1.web.example.org.")
	r.answers("answer", "alias.example.org", "A", "NOERROR",
		"alias.example.org. CNAME 0.example.org.", "0.example.org. A 127.0.0.1")
	r.answers("answer", "web.example.org", "A", "NOERROR")

	// A record that a person keeps in the same tree is served and left alone.
	key := r.keys.Build(registry.Key{Kind: registry.KindSkyDNS, Path: "org/example/static/x"})
	if _, err := r.kv.Txn(t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpPut, Key: key, Value: []byte(`{"host":"127.0.0.9","ttl":7}`)}}}); err != nil {
		t.Fatal(err)
	}
	r.answers("answer", "static.example.org", "A", "NOERROR", "static.example.org. A 127.0.0.9")
}

func TestCoreDNSAnswersWhileEtcdIsAway(t *testing.T) {
	r := startRealDNS(t)
	r.app(onePort, `[{"name":"web.example.org","type":"A","ttl":30}]`)
	r.do(r.endpoint("0", 20000, "127.0.0.1"))
	r.answers("answer", "web.example.org", "A", "NOERROR", "web.example.org. A 127.0.0.1")
	r.etcd.Close()
	time.Sleep(1500 * time.Millisecond) // what is cached is stale by now
	for range 6 {
		if got := strings.Join(r.dig("answer", "web.example.org", "A"), "; "); got != "NOERROR; web.example.org. A 127.0.0.1" {
			t.Fatalf("answers %s", got)
		}
		time.Sleep(300 * time.Millisecond)
	}
}
