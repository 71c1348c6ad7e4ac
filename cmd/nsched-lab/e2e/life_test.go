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

	"github.com/nsched/nsched/cmd/nsched-lab/e2e/stage"
	"github.com/nsched/nsched/units"
)

// helloApp is the example's own app.json with another path and name.
func helloApp(t *testing.T, s *stage.Stage, name, path string) stage.Document {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Programs.Root, "examples/hello/app.json"))
	if err != nil {
		t.Fatal(err)
	}
	var app stage.Document
	if err := json.Unmarshal(text, &app); err != nil {
		t.Fatal(err)
	}
	app["name"], app["path"] = name, path
	return app
}

func TestTheExampleIsFetchedSandboxedServedAndStopped(t *testing.T) {
	t.Parallel()
	s := oneNode.On(t)
	n := s.Node(t, "n1")
	path, err := s.Dev.BuildHello(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Dev.PushMain(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	r := s.Cast(t, n, helloApp(t, s, "hello", path))
	st := r.Reaches(units.StateHealthy)
	if l := r.Life(); st.Invocation != l.Invocation || fmt.Sprint(st.PID) != l.PID {
		t.Errorf("the status says %d, %s; systemd says %+v", st.PID, st.Invocation, l)
	}

	r.EndpointIs(true)
	if e := r.Endpoint(); e.Ports["http"] != r.Port || !slices.Contains(e.Addresses, n.Address().String()) {
		t.Errorf("endpoint is %+v", e)
	}
	body, err := s.Get(t.Context(), r.URL("/"))
	if want := fmt.Sprintf("hello from %s on n1, generation 1, pid %d\n", r.ID, st.PID); err != nil || body != want {
		t.Errorf("answer is %q, %v; want %q", body, err, want)
	}

	root := "/nix/var/nix/gcroots/nsched/" + units.RootName(r.ID.AppID(), 1)
	if got := stage.Run(t, n, "readlink", root); got != path {
		t.Errorf("its root points to %q", got)
	}
	for property, want := range map[string]string{"DynamicUser": "yes", "ProtectSystem": "strict", "NoNewPrivileges": "yes", "Slice": "nsched-default.slice"} {
		if got, err := n.Property(t.Context(), r.ID.ServiceName(), property); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", property, got, err, want)
		}
	}
	if out, err := n.Exec(t.Context(), "systemd-analyze", "security", "--no-pager", "--threshold=12", r.ID.ServiceName()); err != nil {
		lines := strings.Split(out, "\n")
		t.Errorf("it is exposed too far: %v: %s", err, lines[len(lines)-1])
	}

	r.Assign(units.DesiredStop)
	st = r.Reaches(units.StateStopped)
	if st.Result != units.ResultSuccess || r.Endpoint() != nil {
		t.Errorf("after the stop: %+v, endpoint %+v", st, r.Endpoint())
	}
	// What the scheduler has read it deletes, and the node forgets.
	s.Remove(t, r.Key())
	stage.Eventually(t, "the node forgets the unit", func() error {
		if s.Read(t, s.Keys.Status(n.Node, r.ID)) != nil {
			return errors.New("its status is still there")
		}
		if out := stage.Run(t, n, "systemctl", "list-units", "--all", "--plain", "--no-legend", r.ID.ServiceName()); out != "" {
			return fmt.Errorf("systemd has it still: %s", out)
		}
		return nil
	})
}

func TestArgumentsAndEnvironmentArriveByteForByte(t *testing.T) {
	t.Parallel()
	s := oneNode.On(t)
	n := s.Node(t, "n1")
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
	env := stage.Document{}
	for i, x := range texts {
		args = append(args, x.written)
		env[fmt.Sprintf("TEXT_%d", i)] = x.written
	}
	r := s.Cast(t, n, s.ActorApp("bytes", append([]any{"--"}, args...)...).With("env", env))
	r.Reaches(units.StateHealthy)
	body, err := s.Get(t.Context(), r.URL("/"))
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
	if !strings.HasPrefix(got.Argv[0], s.Actor+"/") {
		t.Errorf("it was started as %s", got.Argv[0])
	}
	for _, want := range []string{
		"NSCHED_UNIT=" + r.ID.String(), "NSCHED_INDEX=0", "NSCHED_ADDRESS=" + n.Address().String(), fmt.Sprintf("NSCHED_PORT_HTTP=%d", r.Port),
	} {
		if !slices.Contains(got.Env, want) {
			t.Errorf("the environment does not hold %q", want)
		}
	}
}

func TestAnEndpointIsOutOnlyWhileItsChecksPass(t *testing.T) {
	t.Parallel()
	s := oneNode.On(t)
	r := s.Cast(t, s.Node(t, "n1"), s.ActorApp("checked"))
	r.Reaches(units.StateHealthy)
	r.EndpointIs(true)
	before := r.Life()
	if _, err := s.Ask(t.Context(), "POST", r.URL("/health?code=503")); err != nil {
		t.Fatal(err)
	}
	st := r.Reaches(units.StateUnhealthy)
	if st.Reason.Code != units.ReasonCheckFailed || !strings.Contains(st.Reason.Message, "503") {
		t.Errorf("reason is %q", st.Reason)
	}
	r.EndpointIs(false)
	if _, err := s.Ask(t.Context(), "POST", r.URL("/health?code=200")); err != nil {
		t.Fatal(err)
	}
	r.Reaches(units.StateHealthy)
	r.EndpointIs(true)
	r.Same(before)
}

func TestAStopIsTheSignalAndThenTheKill(t *testing.T) {
	t.Parallel()
	s := oneNode.On(t)
	n := s.Node(t, "n1")
	for _, c := range []struct {
		name, app string
		args      []any
		stop      stage.Document
		logged    string
		killed    bool
	}{
		{"a service that ends by itself", "stop-well", nil, stage.Document{"timeout": "60s"}, "got terminated", false},
		{"the signal that the app names", "stop-usr1", nil, stage.Document{"timeout": "60s", "signal": "SIGUSR1"}, "got user defined signal 1", false},
		{"a service that takes no notice", "stop-deaf", []any{"-ignore-stop"}, stage.Document{"timeout": "1s"}, "got terminated", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := s.Cast(t, n, s.ActorApp(c.app, c.args...).With("stop", c.stop))
			r.Reaches(units.StateHealthy)
			r.Assign(units.DesiredStop)
			st := r.Reaches(units.StateStopped)
			if killed := st.Result == units.ResultTimeout; killed != c.killed {
				t.Errorf("it ended with %s, signal %d", st.Result, st.Signal)
			}
			if log := r.Log(); !strings.Contains(log, c.logged) {
				t.Errorf("its log does not say %q:\n%s", c.logged, log)
			}
			for _, l := range s.Witness.Lives(r.ID.String()) {
				if l.End.IsZero() {
					t.Errorf("process %s lives on", l.PID)
				}
			}
		})
	}
}
