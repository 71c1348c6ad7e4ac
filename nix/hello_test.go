package nix_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nsched/nsched/nix"
	"github.com/nsched/nsched/nix/nixtest"
	"github.com/nsched/nsched/units"
)

// The example is what a person runs first: it is built as its README says, pushed, fetched into another
// store from a signed cache, and serves from there.
func TestTheExampleIsBuiltPushedFetchedAndServes(t *testing.T) {
	nixtest.Fresh(t, "")
	var (
		dir  = t.TempDir()
		link = filepath.Join(dir, "result")
		key  = nixtest.NewKey(t, "example-1")
	)
	build := exec.Command("../examples/hello/build", link, "--argstr", "greeting", "ahoi")
	build.Env = append(os.Environ(), "NIX_CONFIG="+os.Getenv("NIX_CONFIG")+"substituters =\n")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	path, err := os.Readlink(link)
	if err != nil {
		t.Fatal(err)
	}
	cache := filepath.Join(dir, "cache")
	nixtest.Push(t, cache, key, "xz", path)
	nixtest.Fresh(t, "")

	s := nix.New(nix.Options{TrustedKeys: keys(t, key), Substituters: []string{nixtest.Serve(t, cache).URL}})
	c := mustRealise(t, s, nix.Request{Path: units.StorePath(path), Root: "default.hello.1"})
	if len(c.Paths) != 2 {
		t.Errorf("closure has %d paths, want the app and its server", len(c.Paths))
	}

	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	service := exec.Command(filepath.Join(path, "bin", "hello"), "-listen", address)
	service.Env = []string{"NSCHED_UNIT=default.hello.0.1.1", "HELLO_NODE=web1", "HELLO_GENERATION=1"}
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- service.Wait() }()
	want := fmt.Sprintf("ahoi from default.hello.0.1.1 on web1, generation 1, pid %d", service.Process.Pid)
	if got := waitForAnswer(t, "http://"+address+"/", ended); got != want {
		t.Errorf("answer is %q, want %q", got, want)
	}
	if err := service.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("after SIGTERM it ended with %v", err)
	}
}

func TestTheExamplesAppIsValid(t *testing.T) {
	text, err := os.ReadFile("../examples/hello/app.json")
	if err != nil {
		t.Fatal(err)
	}
	// What submit does first: the link becomes the path that it points to.
	document := strings.Replace(string(text), `"./result"`, `"`+string(pathA)+`"`, 1)
	read := units.ReadApp([]byte(document))
	if err := read.Err(); err != nil {
		t.Fatal(err)
	}
	if app := read.App; app.Name != "hello" || app.Path != pathA || app.Count == nil || *app.Count != 3 {
		t.Errorf("app is %+v", app)
	}
}

func waitForAnswer(t *testing.T, url string, ended <-chan error) string {
	t.Helper()
	for {
		if rsp, err := http.Get(url); err == nil {
			defer rsp.Body.Close()
			body, err := io.ReadAll(rsp.Body)
			if err != nil {
				t.Fatal(err)
			}
			return strings.TrimSpace(string(body))
		}
		select {
		case err := <-ended:
			t.Fatalf("ended before it served: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
