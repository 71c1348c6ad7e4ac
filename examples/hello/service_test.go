package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func ask(t *testing.T, s *service, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	s.logged().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestAnAnswerSaysWhoGivesIt(t *testing.T) {
	t.Setenv("NSCHED_UNIT", "default.hello.0.2.1")
	t.Setenv("HELLO_NODE", "web1")
	t.Setenv("HELLO_GENERATION", "2")
	s := newService(identityFromEnvironment("hi"))
	want := fmt.Sprintf("hi from default.hello.0.2.1 on web1, generation 2, pid %d\n", os.Getpid())
	if code, body := ask(t, s, "/"); code != 200 || body != want {
		t.Errorf("answer is %d %q, want %q", code, body, want)
	}
	var id identity
	if _, body := ask(t, s, "/info"); json.Unmarshal([]byte(body), &id) != nil || id.Unit != "default.hello.0.2.1" {
		t.Errorf("info is %s", body)
	}
	if code, _ := ask(t, s, "/nothing"); code != 404 {
		t.Errorf("an unknown path gives %d", code)
	}
}

func TestItIsUnhealthyFromTheMomentItIsAskedToStop(t *testing.T) {
	s := newService(identity{})
	if code, body := ask(t, s, "/healthz"); code != 200 || body != "ok\n" {
		t.Errorf("healthy gives %d %q", code, body)
	}
	s.stopping.Store(true)
	if code, _ := ask(t, s, "/healthz"); code != 503 {
		t.Errorf("stopping gives %d", code)
	}
}

func TestItServesUntilItIsStoppedAndThenEndsWell(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, address) }()
	for {
		rsp, err := http.Get("http://" + address + "/")
		if err == nil {
			body, _ := io.ReadAll(rsp.Body)
			rsp.Body.Close()
			if !strings.Contains(string(body), " from ") {
				t.Errorf("answer is %q", body)
			}
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("ended before it served: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestAPortThatIsTakenEndsItWithAReason(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if err := run(t.Context(), taken.Addr().String()); err == nil || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("error is %v", err)
	}
}

func TestItRunsWithoutItsGreeting(t *testing.T) {
	before := os.Args[0]
	defer func() { os.Args[0] = before }()
	dir := t.TempDir()
	os.Args[0] = filepath.Join(dir, "bin", "hello")
	if got := greeting(); got != "hello" {
		t.Errorf("greeting is %q", got)
	}
	if err := os.MkdirAll(filepath.Join(dir, "share", "hello"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "share", "hello", "greeting"), []byte("ahoi\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := greeting(); got != "ahoi" {
		t.Errorf("greeting is %q", got)
	}
}
