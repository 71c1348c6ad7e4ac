package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsched/nsched/units/registry"
)

// tty is a terminal: its own end, and the program's.
func tty(t *testing.T) (own, programs *os.File) {
	t.Helper()
	own, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = own.Close() })
	if err := unix.IoctlSetPointerInt(int(own.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(own.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	programs, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = programs.Close() })
	return own, programs
}

// TestAQuestionIsWaitedForNoLongerThanItMay: Ctrl-C at a question used to do nothing before Enter was pressed, and
// --timeout neither.
func TestAQuestionIsWaitedForNoLongerThanItMay(t *testing.T) {
	s := newStage(t.Context(), t, t.TempDir())
	t.Cleanup(s.close)
	t.Setenv("NSCHED_ENDPOINTS", s.endpoint)
	s.register(t, "n1", nil)
	if _, err := s.Txn(t.Context(), registry.Txn{Then: []registry.Op{{Kind: registry.OpDelete, Key: s.keys.Alive("n1")}}}); err != nil {
		t.Fatal(err)
	}
	own, programs := tty(t)
	ask := func(ctx context.Context, answer io.Reader, args ...string) (code int, said string) {
		var out strings.Builder
		code = newSession(answer, &out, programs).run(ctx, append([]string{"nodes", "confirm-lost", "n1"}, args...))
		const end = "that is all"
		_, _ = fmt.Fprint(programs, end)
		for b := make([]byte, 4096); !strings.Contains(said, end); {
			n, err := own.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			said += string(b[:n])
		}
		return code, said
	}
	nobody, _ := io.Pipe()
	before := s.revision(t)

	t.Run("Ctrl-C ends it", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		asked := answering(func() { cancel() })
		if code, said := ask(ctx, asked); code != exitInterrupted || !strings.Contains(said, "[y/N]") {
			t.Errorf("code %d: %s", code, said)
		}
	})
	t.Run("and so does --timeout", func(t *testing.T) {
		if code, said := ask(t.Context(), nobody, "--timeout", "500ms"); code != exitTimeout {
			t.Errorf("code %d: %s", code, said)
		}
	})
	for _, no := range []string{"", "\n", "n\n", "yo yes\n", "yesterday\n"} {
		t.Run(fmt.Sprintf("%q is no yes", no), func(t *testing.T) {
			if code, said := ask(t.Context(), strings.NewReader(no)); code != exitFailed || !strings.Contains(said, "nothing was done") {
				t.Errorf("code %d: %s", code, said)
			}
		})
	}
	if s.revision(t) != before {
		t.Error("something was written")
	}
	t.Run("yes is", func(t *testing.T) {
		if code, said := ask(t.Context(), strings.NewReader("YES\n")); code != exitOK || !strings.Contains(said, "node n1 is confirmed as lost") {
			t.Errorf("code %d: %s", code, said)
		}
	})
}

// answering is somebody who is asked, does something else, and never answers.
type answering func()

func (a answering) Read([]byte) (int, error) {
	a()
	select {}
}
