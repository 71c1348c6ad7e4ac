package host_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

// patient answers, or does not: long enough for a working path on a busy machine.
const silence = 700 * time.Millisecond

// datagrams counts, at a UDP socket of the holder, what a host sends there.
type datagrams struct{ conn net.PacketConn }

func (d datagrams) receive(t *testing.T, within time.Duration) bool {
	t.Helper()
	if err := d.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	_, _, err := d.conn.ReadFrom(make([]byte, 100))
	return err == nil
}

func TestTheNetworkFailsAsToldAndHeals(t *testing.T) {
	lab, hosts := openLab(t, "n1", "n2")
	n1, n2, ctx := hosts[0], hosts[1], testContext(t)
	for _, h := range hosts {
		serve(t, h)
	}
	socket, err := lab.ListenPacket(ctx, "udp", ":9")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	received := datagrams{conn: socket}

	answers := func(h *host.Host) bool { return reaches(t, lab, h.Name()) }
	between := func(from, to *host.Host) bool {
		_, err := from.Exec(ctx, "busybox", "timeout", "1", "busybox", "nc", to.Name(), "80")
		return err == nil
	}
	sends := func(h *host.Host) bool {
		for received.receive(t, time.Millisecond) { // forget what is on the way
		}
		exec(t, h, "bash", "-c", "echo x > /dev/udp/lab/9")
		return received.receive(t, silence)
	}
	expect := func(what string, got, want bool) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %t instead of %t", what, got, want)
		}
	}

	expect("n1 answers", answers(n1), true)
	expect("n2 reaches n1 by name", between(n2, n1), true)
	expect("n1 sends to the lab", sends(n1), true)

	t.Run("a pulled cable lets nothing through", func(t *testing.T) {
		must(t, lab.Net().Partition(ctx, "n1"))
		expect("n1 answers", answers(n1), false)
		expect("n2 reaches n1", between(n2, n1), false)
		expect("n2 answers", answers(n2), true)
		if got := exec(t, n1, "cat", "/sys/class/net/host0/carrier"); got != "0" {
			t.Errorf("n1 sees a carrier: %q", got)
		}
		must(t, n1.PowerOff(ctx))
		must(t, n1.PowerOn(ctx))
		serve(t, n1)
		expect("n1 answers after a power cycle", answers(n1), false)
		must(t, lab.Net().Heal(ctx, "n1"))
		expect("n1 answers after healing", answers(n1), true)
	})
	t.Run("what a host sends is dropped one way", func(t *testing.T) {
		exec(t, lab, "ip", "neighbor", "flush", "all")
		expect("n1 answers", answers(n1), true) // neighbours know each other now
		must(t, lab.Net().DropFrom(ctx, "n1", host.LabName))
		expect("n1 sends to the lab", sends(n1), false)
		expect("n1 reaches n2", between(n1, n2), true)
		must(t, lab.Net().Heal(ctx))
		expect("n1 sends to the lab", sends(n1), true)
	})
	t.Run("what is sent to a host is dropped one way", func(t *testing.T) {
		expect("n1 answers", answers(n1), true)
		must(t, lab.Net().DropTo(ctx, "n1", host.LabName))
		expect("n1 answers", answers(n1), false)
		expect("n1 sends to the lab", sends(n1), true)
		must(t, lab.Net().Heal(ctx))
	})
	t.Run("two hosts lose each other and both see the lab", func(t *testing.T) {
		must(t, lab.Net().DropFrom(ctx, "n1", "n2"))
		must(t, lab.Net().DropTo(ctx, "n1", "n2"))
		expect("n1 reaches n2", between(n1, n2), false)
		expect("n1 answers", answers(n1), true)
		expect("n2 answers", answers(n2), true)
		must(t, lab.Net().Heal(ctx))
		expect("n1 reaches n2", between(n1, n2), true)
	})
	t.Run("a delayed cable delays by as much, and carries bulk intact", func(t *testing.T) {
		const delay = 60 * time.Millisecond
		must(t, lab.Net().Delay(ctx, "n1", host.Shape{Delay: delay, Jitter: 5 * time.Millisecond}))
		start := time.Now()
		expect("n1 answers", answers(n1), true)
		// Handshake and answer are two round trips; that they take longer than the cable is a law.
		if took := time.Since(start); took < 4*(delay-5*time.Millisecond) {
			t.Errorf("two round trips took %s through a cable of %s each way", took, delay)
		}
		exec(t, n1, "sh", "-c", "head -c 3000000 /dev/urandom > /srv/bulk")
		sum := exec(t, n1, "sh", "-c", "md5sum < /srv/bulk")
		if got := exec(t, lab, "sh", "-c", "busybox wget -qO- http://n1/bulk | md5sum"); got != sum {
			t.Errorf("3 MB became %s instead of %s", got, sum)
		}
		must(t, lab.Net().Delay(ctx, "n1", host.Shape{Loss: 1}))
		expect("n1 answers through a cable that loses all", answers(n1), false)
		must(t, lab.Net().Delay(ctx, "n1", host.Shape{}))
		expect("n1 answers", answers(n1), true)
		if faults, err := n1.Faults(ctx); err != nil || len(faults) > 0 {
			t.Errorf("faults remain: %v, %v", faults, err)
		}
	})
}

func TestSocketsInTheLabWorkFromOutside(t *testing.T) {
	lab, hosts := openLab(t, "n1")
	ctx := testContext(t)
	serve(t, hosts[0])

	t.Run("an HTTP client reaches a host by name and by address", func(t *testing.T) {
		client := lab.HTTPClient()
		defer client.CloseIdleConnections()
		for _, where := range []string{"n1", hosts[0].Address().String()} {
			if got := fetch(t, client, "http://"+where+"/name"); got != "n1" {
				t.Errorf("%s said %q", where, got)
			}
		}
	})
	t.Run("a host reaches a server of this process", func(t *testing.T) {
		l, err := lab.Listen(ctx, "tcp", ":8080")
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintf(w, "%s from %s", r.URL.Path, strings.Split(r.RemoteAddr, ":")[0])
		})}
		done := make(chan error, 1)
		go func() { done <- server.Serve(l) }()
		if got, want := exec(t, hosts[0], "busybox", "wget", "-qO-", "http://lab:8080/hello"), "/hello from "+hosts[0].Address().String(); got != want {
			t.Errorf("the host got %q instead of %q", got, want)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	t.Run("a refused connection is refused, a late context is a timeout", func(t *testing.T) {
		if _, err := lab.DialContext(ctx, "tcp", "n1:81"); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("a closed port: %v", err)
		}
		must(t, lab.Net().Partition(ctx, "n1"))
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		if _, err := lab.DialContext(short, "tcp", "n1:80"); err == nil {
			t.Error("a partitioned host answered")
		}
	})
	t.Run("nothing leads out of the lab", func(t *testing.T) {
		if _, err := lab.Exec(ctx, "bash", "-c", "echo > /dev/udp/192.0.2.1/9"); err == nil {
			t.Error("the holder has a route to the world")
		}
		if got := exec(t, lab, "ip", "-o", "link"); strings.Contains(got, "eth0") {
			t.Errorf("the holder sees links of the machine:\n%s", got)
		}
	})
}

// serve starts a web server with a file "name" in a host.
func serve(t *testing.T, h *host.Host) {
	t.Helper()
	exec(t, h, "sh", "-c", "hostname | tr -d '\\n' > /srv/name; systemd-run --unit=web -p Type=forking busybox httpd -p 80 -h /srv")
}

// reaches says whether a host's web server answers the holder, over a new connection.
func reaches(t *testing.T, lab *host.Lab, name string) bool {
	t.Helper()
	client := lab.HTTPClient()
	client.Timeout = silence
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://" + name + "/name")
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err == nil
}

func fetch(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
