package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nsched/nsched/node/guard"
	"github.com/nsched/nsched/node/systemd"
)

// The daemon's word for the codes and for the record is the shim's.
func TestTheDaemonKnowsTheShim(t *testing.T) {
	for name, pair := range map[string][2]any{
		"tenure":         {exitTenure, systemd.ExitTenure},
		"record":         {exitRecord, systemd.ExitRecord},
		"not executable": {exitNotExecutable, systemd.ExitNotExecutable},
		"missing":        {exitMissing, systemd.ExitMissing},
		"probe":          {probeOOM, systemd.ProbeOOM},
		"out of memory":  {exitOOM, systemd.ExitOOM},
		"version":        {recordVersion, systemd.RecordVersion},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: the shim says %v, the daemon %v", name, pair[0], pair[1])
		}
	}
}

func TestArgumentsAndEnvironmentArriveByteForByte(t *testing.T) {
	argv := []string{
		self(t), "", " ", "$$", "$HOME", "${x}", "%n", "%%", ";", "a;b", "a\tb", "a\nb", "\"'\\", "é\u2028", "\x01\x7f", "--", "-x",
		strings.Repeat("long", 10_000),
	}
	env := []string{
		mirrorVariable + "=1", "NSCHED_UNIT=a.b.0.1.1", "X=1", "X=2", "EMPTY=", "TABS=\t\n$%;", "a.b-c=dotted",
	}
	id := systemd.Record{Argv: argv, Env: env, V: systemd.RecordVersion}
	o := runShim(t, encode(t, id), "PATH=/bin", "LANG=C", "HOME=/", "USER=x", "INVOCATION_ID=abc", "LD_PRELOAD=/evil.so",
		"STATE_DIRECTORY=/var/lib/x", "NOTIFY_SOCKET=/n", "WATCHDOG_USEC=1", "LISTEN_FDS=1", "SYSTEMD_EXEC_PID=1", "NSCHED_UNIT=other")
	if o.mirror == nil {
		t.Fatalf("exit code %d: %s", o.code, o.stderr)
	}
	if diff := cmp.Diff(argv, o.mirror.Argv); diff != "" {
		t.Error(diff)
	}
	if o.mirror.PID != o.pid {
		t.Errorf("the app is process %d, the shim was %d", o.mirror.PID, o.pid)
	}
	got := o.mirror.Env
	if len(got) > len(env) && strings.HasPrefix(got[len(env)], "CREDENTIALS_DIRECTORY=") {
		got = append(got[:len(env):len(env)], got[len(env)+1:]...)
	}
	want := append(env, "INVOCATION_ID=abc", "STATE_DIRECTORY=/var/lib/x", "NOTIFY_SOCKET=/n", "WATCHDOG_USEC=1", "LISTEN_FDS=1")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatSystemdProvidesCannotBeForged(t *testing.T) {
	o := runShim(t, encode(t, record{V: 1, Argv: []string{self(t)}, Env: []string{mirrorVariable + "=1", "INVOCATION_ID=forged", "LISTEN_FDS=9"}}),
		"INVOCATION_ID=true")
	if o.mirror == nil {
		t.Fatalf("exit code %d: %s", o.code, o.stderr)
	}
	for _, v := range o.mirror.Env {
		if strings.Contains(v, "forged") || strings.HasPrefix(v, "LISTEN_FDS") {
			t.Errorf("the app got %s", v)
		}
	}
}

func TestARecordOfANewerDaemonIsRead(t *testing.T) {
	data := fmt.Sprintf(`{"v":1,"argv":[%q],"env":["%s=1"],"tenure":0,"colour":"blue"}`, self(t), mirrorVariable)
	if o := runShim(t, []byte(data)); o.mirror == nil {
		t.Errorf("exit code %d: %s", o.code, o.stderr)
	}
}

// answerer is a guard that says line to everybody; "" hangs up.
func answerer(t *testing.T, line string) (socket string, asked <-chan string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "guard.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	questions := make(chan string, 1)
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		question, _ := bufio.NewReader(c).ReadString('\n')
		questions <- question
		fmt.Fprint(c, line)
	}()
	return socket, questions
}

func TestATenureIsConfirmedByTheGuard(t *testing.T) {
	socket, asked := answerer(t, string(encode(t, guard.Answer{OK: true, Tenure: 7, FreshForMs: 60_000}))+"\n")
	o := runShim(t, encode(t, record{V: 1, Argv: []string{self(t)}, Env: []string{mirrorVariable + "=1"}, Tenure: 7, Guard: socket}))
	if o.mirror == nil {
		t.Errorf("exit code %d: %s", o.code, o.stderr)
	}
	var got guard.Request
	if err := json.Unmarshal([]byte(<-asked), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(guard.Request{Op: "check", Tenure: 7}, got); diff != "" {
		t.Error(diff)
	}
}

func TestEveryDoubtAboutATenureIsANo(t *testing.T) {
	for name, c := range map[string]struct{ line, message string }{
		"the guard says no":            {`{"ok":false,"tenure":7,"freshForMs":1000,"error":"it is over"}` + "\n", "it is over"},
		"the guard has another tenure": {`{"ok":true,"tenure":8,"freshForMs":1000}` + "\n", "tenure is 8"},
		"the tenure is stale":          {`{"ok":true,"tenure":7,"freshForMs":0}` + "\n", "not fresh"},
		"the tenure is long stale":     {`{"ok":true,"tenure":7,"freshForMs":-9}` + "\n", "not fresh"},
		"the guard does not say":       {`{"ok":true,"tenure":7}` + "\n", "not fresh"},
		"the answer is cut short":      {`{"ok":true,"tenure":7,"freshForMs":1000}`, "EOF"},
		"the answer is no JSON":        {"yes\n", "hear the guard"},
		"the guard hangs up":           {"", "EOF"},
		"the guard never ends":         {strings.Repeat("x", 2*answerLimit), "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			socket, _ := answerer(t, c.line)
			o := runShim(t, encode(t, record{V: 1, Argv: []string{self(t)}, Env: []string{mirrorVariable + "=1"}, Tenure: 7, Guard: socket}))
			wantFailure(t, o, exitTenure, c.message)
		})
	}
	t.Run("there is no guard", func(t *testing.T) {
		socket := filepath.Join(t.TempDir(), "none.sock")
		o := runShim(t, encode(t, record{V: 1, Argv: []string{self(t)}, Tenure: 7, Guard: socket}))
		wantFailure(t, o, exitTenure, "no such file or directory")
	})
}

// A guard that is stopped keeps its socket, and clients wait in its queue.
func TestAGuardThatSaysNothingIsANo(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "guard.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o := runShim(t, encode(t, record{V: 1, Argv: []string{self(t)}, Env: []string{mirrorVariable + "=1"}, Tenure: 7, Guard: socket}))
	wantFailure(t, o, exitTenure, "timeout")
}

// The shim may be stopped between the guard's answer and the use of it.
func TestAWordThatRanOutIsNotUsed(t *testing.T) {
	err := execute(record{Argv: []string{"/bin/false"}, Tenure: 7}, nil, time.Now())
	var f failure
	if !errors.As(err, &f) || f.code != exitTenure || !strings.Contains(err.Error(), "ran out") {
		t.Errorf("it ended with %v", err)
	}
}

// How long a word holds is counted from before the question.
func TestASlowAnswerIsNoLongerOne(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "guard.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const slow, fresh = 300 * time.Millisecond, 200 * time.Millisecond
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = bufio.NewReader(c).ReadString('\n')
		time.Sleep(slow)
		fmt.Fprintf(c, `{"ok":true,"tenure":7,"freshForMs":%d}`+"\n", fresh.Milliseconds())
	}()
	o := runShim(t, encode(t, record{V: 1, Argv: []string{self(t)}, Env: []string{mirrorVariable + "=1"}, Tenure: 7, Guard: socket}))
	wantFailure(t, o, exitTenure, "ran out")
}
