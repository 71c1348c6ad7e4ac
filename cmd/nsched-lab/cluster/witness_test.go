package cluster

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// serviceOf makes this program a service that speaks at a socket: it says the lines that it is given on
// its standard input, says on its output what it is answered, hangs up at "hang up", and ends with its
// input.
const serviceOf = "NSCHED_LAB_SERVICE"

func TestMain(m *testing.M) {
	if socket := os.Getenv(serviceOf); socket != "" {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go func() { _, _ = io.Copy(os.Stdout, conn) }()
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			if lines.Text() == "hang up" {
				_ = conn.Close()
				fmt.Println("hung up")
				continue
			}
			_, _ = fmt.Fprintln(conn, lines.Text())
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// service is such a process.
type service struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startService(t *testing.T, socket string) *service {
	t.Helper()
	s := &service{cmd: exec.CommandContext(t.Context(), "/proc/self/exe")}
	s.cmd.Env = append(os.Environ(), serviceOf+"="+socket)
	in, err := s.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.in, s.out = in, bufio.NewReader(out)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *service) says(t *testing.T, line string) {
	t.Helper()
	if _, err := fmt.Fprintln(s.in, line); err != nil {
		t.Fatal(err)
	}
}

func (s *service) hears(t *testing.T, want string) {
	t.Helper()
	got, err := s.out.ReadString('\n')
	if err != nil || strings.TrimSpace(got) != want {
		t.Fatalf("it hears %q, %v; want %q", got, err, want)
	}
}

func openWitness(t *testing.T) (*Witness, string) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "socket")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	w := NewWitness(l)
	t.Cleanup(w.Close)
	return w, socket
}

func TestALifeLastsAsLongAsItsProcessWhateverItSays(t *testing.T) {
	w, socket := openWitness(t)
	s := startService(t, socket)
	before, err := Monotonic()
	if err != nil {
		t.Fatal(err)
	}
	s.says(t, fmt.Sprintf("default.web.0.1.1 inv 17 token=42 began=%d", before-time.Second))
	l, err := w.Await(t.Context(), func(l Life) bool { return l.Unit == "default.web.0.1.1" })
	if err != nil {
		t.Fatal(err)
	}
	if age := time.Since(l.Start); l.Token != 42 || l.Process != s.cmd.Process.Pid || age < time.Second || l.PID != "17" {
		t.Errorf("it is %+v, %v old", l, age)
	}
	s.says(t, "hang up")
	s.hears(t, "hung up")
	time.Sleep(100 * time.Millisecond) // the witness has had time to be wrong
	if l := w.Lives(l.Unit)[0]; !l.End.IsZero() {
		t.Errorf("it hung up and counts as ended: %+v", l)
	}
	if err := s.in.Close(); err != nil {
		t.Fatal(err)
	}
	ended, err := w.Await(t.Context(), func(l Life) bool { return !l.End.IsZero() })
	if err != nil || ended.Unit != l.Unit {
		t.Errorf("%+v, %v", ended, err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestTheRegisterRefusesWhoeverIsOlderThanTheNewestWriter(t *testing.T) {
	w, socket := openWitness(t)
	old, young := startService(t, socket), startService(t, socket)
	old.says(t, "default.lone.0.1.1 a 1 token=5")
	young.says(t, "default.lone.0.1.2 b 2 token=6")
	old.says(t, "write 5 100 0")
	old.hears(t, "ok")
	young.says(t, "write 6 200 0")
	young.hears(t, "ok")
	old.says(t, "write 5 300 110")
	old.hears(t, "no 6")
	other := startService(t, socket)
	other.says(t, "default.other.0.1.1 c 3 token=1")
	other.says(t, "write 1 400 0")
	other.hears(t, "ok")
	writes := w.Register.Writes()
	got := []bool{}
	for _, x := range writes {
		got = append(got, x.Accepted)
	}
	if !slices.Equal(got, []bool{true, true, false, true}) || writes[0].Returned != 110 || writes[1].Returned != 0 {
		t.Errorf("the register holds %+v", writes)
	}
	for _, s := range []*service{old, young, other} {
		if err := s.in.Close(); err != nil {
			t.Error(err)
		}
		if err := s.cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

func TestOverTheNetworkALifeEndsWithItsConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := NewWitness(l)
	t.Cleanup(w.Close)
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintln(conn, "default.web.0.1.1 inv 17"); err != nil {
		t.Fatal(err)
	}
	life, err := w.Await(t.Context(), func(l Life) bool { return l.From.IsLoopback() })
	if err != nil || life.Process != 0 || life.Token != 0 {
		t.Errorf("%+v, %v", life, err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Await(t.Context(), func(l Life) bool { return !l.End.IsZero() }); err != nil {
		t.Error(err)
	}
}
