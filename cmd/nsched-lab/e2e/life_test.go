package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nsched/nsched/units"
)

// helloApp is the example's own app.json with another path and name.
func (s *stage) helloApp(t *testing.T, name, path string) document {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.programs.Root, "examples/hello/app.json"))
	if err != nil {
		t.Fatal(err)
	}
	var app document
	if err := json.Unmarshal(text, &app); err != nil {
		t.Fatal(err)
	}
	app["name"], app["path"] = name, path
	return app
}

func TestTheExampleIsFetchedSandboxedServedAndStopped(t *testing.T) {
	t.Parallel()
	s := onStage(t)
	n := s.node(t, "n1")
	path, err := s.Dev.BuildHello(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Dev.PushMain(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	r := s.cast(t, n, s.helloApp(t, "hello", path))
	st := r.reaches(units.StateHealthy)
	if l := r.life(); st.Invocation != l.invocation || fmt.Sprint(st.PID) != l.pid {
		t.Errorf("the status says %d, %s; systemd says %+v", st.PID, st.Invocation, l)
	}

	r.endpointIs(true)
	if e := r.endpoint(); e.Ports["http"] != r.port || !slices.Contains(e.Addresses, n.Address().String()) {
		t.Errorf("endpoint is %+v", e)
	}
	body, err := s.get(t.Context(), r.url("/"))
	if want := fmt.Sprintf("hello from %s on n1, generation 1, pid %d\n", r.id, st.PID); err != nil || body != want {
		t.Errorf("answer is %q, %v; want %q", body, err, want)
	}

	root := "/nix/var/nix/gcroots/nsched/" + units.RootName(r.id.AppID(), 1)
	if got := run(t, n, "readlink", root); got != path {
		t.Errorf("its root points to %q", got)
	}
	for property, want := range map[string]string{"DynamicUser": "yes", "ProtectSystem": "strict", "NoNewPrivileges": "yes", "Slice": "nsched-default.slice"} {
		if got, err := n.Property(t.Context(), r.id.ServiceName(), property); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", property, got, err, want)
		}
	}
	if out, err := n.Exec(t.Context(), "systemd-analyze", "security", "--no-pager", "--threshold=12", r.id.ServiceName()); err != nil {
		lines := strings.Split(out, "\n")
		t.Errorf("it is exposed too far: %v: %s", err, lines[len(lines)-1])
	}

	r.assign(units.DesiredStop)
	st = r.reaches(units.StateStopped)
	if st.Result != units.ResultSuccess || r.endpoint() != nil {
		t.Errorf("after the stop: %+v, endpoint %+v", st, r.endpoint())
	}
	// What the scheduler has read it deletes, and the node forgets.
	s.remove(t, r.key())
	eventually(t, "the node forgets the unit", func() error {
		if s.read(t, s.Keys.Status(n.Node, r.id)) != nil {
			return errors.New("its status is still there")
		}
		if out := run(t, n, "systemctl", "list-units", "--all", "--plain", "--no-legend", r.id.ServiceName()); out != "" {
			return fmt.Errorf("systemd has it still: %s", out)
		}
		return nil
	})
}

func TestArgumentsAndEnvironmentArriveByteForByte(t *testing.T) {
	t.Parallel()
	s := onStage(t)
	n := s.node(t, "n1")
	// "$$" is how a document writes a dollar sign.
	texts := []struct{ written, arrives string }{
		{"plain", "plain"},
		{"", ""},
		{" two  spaces ", " two  spaces "},
		{"$$HOME $${HOME} $$$$", "$HOME ${HOME} $$"},
		{"100% %n %i %% %H", "100% %n %i %% %H"},
		{"a;b ; c;", "a;b ; c;"},
		{"tab\tand\nnewline\n", "tab\tand\nnewline\n"},
		{`"quoted" 'single' \back\\slash\n \x41 \`, `"quoted" 'single' \back\\slash\n \x41 \`},
		{"grün 猫 \U0001F9CA", "grün 猫 \U0001F9CA"},
		{"@-+!!|:", "@-+!!|:"},
		{"=x=#y", "=x=#y"},
		{"*?[a]~ `id` $$(id) <>&|", "*?[a]~ `id` $(id) <>&|"},
		{"${node.name} ${unit.id} ${unit.index} ${app.name} ${app.generation} ${app.namespace}", "n1 default.bytes.0.1.1 0 bytes 1 default"},
		{strings.Repeat("long ", 4000), strings.Repeat("long ", 4000)},
	}
	var args []any
	env := document{}
	for i, x := range texts {
		args = append(args, x.written)
		env[fmt.Sprintf("TEXT_%d", i)] = x.written
	}
	r := s.cast(t, n, s.actorApp("bytes", append([]any{"--"}, args...)...).with("env", env))
	r.reaches(units.StateHealthy)
	body, err := s.get(t.Context(), r.url("/"))
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Argv, Env []string }
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	at := slices.Index(got.Argv, "--")
	if at < 0 || len(got.Argv) != at+1+len(texts) {
		t.Fatalf("%d arguments arrived: %q", len(got.Argv), got.Argv)
	}
	for i, x := range texts {
		if arrived := got.Argv[at+1+i]; arrived != x.arrives {
			t.Errorf("argument %q arrived as %q", x.written, arrived)
		}
		if want := fmt.Sprintf("TEXT_%d=%s", i, x.arrives); !slices.Contains(got.Env, want) {
			t.Errorf("the environment does not hold %q", want)
		}
	}
	if !strings.HasPrefix(got.Argv[0], s.actor+"/") {
		t.Errorf("it was started as %s", got.Argv[0])
	}
	for _, want := range []string{
		"NSCHED_UNIT=" + r.id.String(), "NSCHED_INDEX=0", "NSCHED_ADDRESS=" + n.Address().String(), fmt.Sprintf("NSCHED_PORT_HTTP=%d", r.port),
	} {
		if !slices.Contains(got.Env, want) {
			t.Errorf("the environment does not hold %q", want)
		}
	}
}

func TestAnEndpointIsOutOnlyWhileItsChecksPass(t *testing.T) {
	t.Parallel()
	s := onStage(t)
	r := s.cast(t, s.node(t, "n1"), s.actorApp("checked"))
	r.reaches(units.StateHealthy)
	r.endpointIs(true)
	before := r.life()
	if _, err := s.ask(t.Context(), "POST", r.url("/health?code=503")); err != nil {
		t.Fatal(err)
	}
	st := r.reaches(units.StateUnhealthy)
	if st.Reason.Code != units.ReasonCheckFailed || !strings.Contains(st.Reason.Message, "503") {
		t.Errorf("reason is %q", st.Reason)
	}
	r.endpointIs(false)
	if _, err := s.ask(t.Context(), "POST", r.url("/health?code=200")); err != nil {
		t.Fatal(err)
	}
	r.reaches(units.StateHealthy)
	r.endpointIs(true)
	r.same(before)
}

func TestAStopIsTheSignalAndThenTheKill(t *testing.T) {
	t.Parallel()
	s := onStage(t)
	n := s.node(t, "n1")
	for _, c := range []struct {
		name, app string
		args      []any
		stop      document
		logged    string
		killed    bool
	}{
		{"a service that ends by itself", "stop-well", nil, document{"timeout": "60s"}, "got terminated", false},
		{"the signal that the app names", "stop-usr1", nil, document{"timeout": "60s", "signal": "SIGUSR1"}, "got user defined signal 1", false},
		{"a service that takes no notice", "stop-deaf", []any{"-ignore-stop"}, document{"timeout": "1s"}, "got terminated", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := s.cast(t, n, s.actorApp(c.app, c.args...).with("stop", c.stop))
			r.reaches(units.StateHealthy)
			r.assign(units.DesiredStop)
			st := r.reaches(units.StateStopped)
			if killed := st.Result == units.ResultTimeout; killed != c.killed {
				t.Errorf("it ended with %s, signal %d", st.Result, st.Signal)
			}
			if log := r.log(); !strings.Contains(log, c.logged) {
				t.Errorf("its log does not say %q:\n%s", c.logged, log)
			}
			for _, l := range s.witness.Lives(r.id.String()) {
				if l.End.IsZero() {
					t.Errorf("process %s lives on", l.PID)
				}
			}
		})
	}
}

// log reads the unit's log from the node's API.
func (r *role) log() string {
	r.t.Helper()
	code, body, err := r.node.Ask(r.t.Context(), "/v1/logs?unit="+r.id.String())
	if err != nil || code != 200 {
		r.t.Fatalf("read the log of %s: %d, %v: %s", r.id, code, err, body)
	}
	return body
}
