package figures

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/host"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// actorProgram is the service that is run, below bin: it tells the witness of its start.
const actorProgram = "lab/actor"

// recipe makes a package of two store paths, an outer one that an app names and an inner one with the
// program; variant makes both others.
const recipe = `
{ variant }:
let
  program = file: builtins.path { path = ./programs + "/${file}"; name = file; };
  make = name: args: derivation {
    inherit name args;
    system = builtins.currentSystem;
    builder = program "assemble";
  };
  inner = make "service-inner" [
    "copy" (program "actor") "bin/actor"
    "copy" (builtins.toFile "variant" "${variant}\n") "share/variant"
  ];
in make "service" [
  "link" "${inner}/bin/actor" "bin/actor"
  "link" "${inner}/share/variant" "share/variant"
]
`

const source = "/var/lib/src/figures"

// build builds a package and pushes it into the cache.
func (s *stage) build(ctx context.Context, variant string) (string, error) {
	for from, to := range map[string]string{actorProgram: "actor", "lab/assemble": "assemble"} {
		if err := s.Dev.CopyIn(ctx, filepath.Join(s.programs.Root, "bin", from), filepath.Join(source, "programs", to)); err != nil {
			return "", err
		}
	}
	if err := s.Dev.WriteFile(ctx, filepath.Join(source, "default.nix"), []byte(recipe), 0o644); err != nil {
		return "", err
	}
	path, err := s.Dev.Build(ctx, source, "--argstr", "variant", variant)
	if err != nil {
		return "", err
	}
	return path, s.Dev.PushMain(ctx, path)
}

// app is an app.json under construction.
type app map[string]any

// app is the service with a health check, at a fixed port where one is given.
func (s *stage) app(name, path string, count int, port uint16) app {
	p := map[string]any{"name": "http"}
	if port != 0 {
		p["port"] = port
	}
	return app{
		"name": name, "path": path, "count": count,
		"command":      []string{"bin/actor", "-listen", "${address}:${port.http}", "-witness", host.Address.String() + ":" + witnessPort},
		"resources":    map[string]any{"cpu": "10m", "memory": "32Mi"},
		"ports":        []any{p},
		"healthChecks": map[string]any{"http": []any{map[string]any{"port": "http", "path": "/health"}}},
	}
}

// on pins an app to a node.
func (a app) on(n *cluster.Node) app {
	a["constraints"] = []any{map[string]any{"attribute": "node.name", "operator": "=", "value": n.Name()}}
	return a
}

func id(name string) units.AppID {
	return units.AppID{Namespace: "default", Name: units.AppName(name)}
}

// of reports whether a life is of a unit of the app.
func of(name string) func(cluster.Life) bool {
	return func(l cluster.Life) bool { return strings.HasPrefix(l.Unit, "default."+name+".") }
}

const documents = "/var/lib/figures"

// write puts an app's document on the machine of a person.
func (s *stage) write(ctx context.Context, a app) (string, error) {
	text, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return "", err
	}
	name := filepath.Join(documents, fmt.Sprint(a["name"])+".json")
	return name, s.Dev.WriteFile(ctx, name, text, 0o644)
}

// environment lets the CLI find etcd.
var environment = []string{"NSCHED_ENDPOINTS=" + cluster.EtcdURL, "NSCHED_ALLOW_INSECURE=true", "NO_COLOR=1"}

// nsched runs the CLI on the machine of a person and returns when its process started and ended. The
// shell that becomes the CLI says when: all hosts share the machine's clock.
func (s *stage) nsched(ctx context.Context, args ...string) (begun, ended time.Time, err error) {
	var out, errs bytes.Buffer
	argv := append([]string{"bash", "-c", `echo "$EPOCHREALTIME"; exec nsched "$@"`, "nsched"}, args...)
	err = s.Dev.Run(ctx, host.Command{Argv: argv, Env: environment, Stdout: &out, Stderr: &errs})
	ended = time.Now()
	if err != nil {
		return begun, ended, fmt.Errorf("nsched %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(errs.String()))
	}
	first, _, _ := strings.Cut(out.String(), "\n")
	micro, err := strconv.ParseInt(strings.Replace(first, ".", "", 1), 10, 64)
	if err != nil {
		return begun, ended, fmt.Errorf("nsched %s: read the time of its start %q: %w", strings.Join(args, " "), first, err)
	}
	return time.UnixMicro(micro), ended, nil
}

// submit submits an app and waits for it.
func (s *stage) submit(ctx context.Context, a app) (begun, ended time.Time, err error) {
	file, err := s.write(ctx, a)
	if err != nil {
		return begun, ended, err
	}
	return s.nsched(ctx, "submit", "--timeout=2m", file)
}

// stop stops an app and waits for its end.
func (s *stage) stop(ctx context.Context, name string) error {
	_, _, err := s.nsched(ctx, "stop", "--timeout=2m", name)
	return err
}

// scale changes how many units an app has, as the CLI would, and returns the revision of the change.
func (s *stage) scale(ctx context.Context, name string, count int) (int64, error) {
	key := s.Keys.App(id(name))
	for {
		r, err := s.Registry.Range(ctx, registry.Range{Key: key})
		if err != nil {
			return 0, err
		}
		if len(r.KVs) == 0 {
			return 0, fmt.Errorf("scale %s: there is no such app", name)
		}
		intent, extra, err := registry.Decode[units.Intent](key, r.KVs[0].Value)
		if err != nil {
			return 0, err
		}
		intent.Count = count
		raw, err := registry.Encode(intent, extra)
		if err != nil {
			return 0, err
		}
		t, err := s.Registry.Txn(ctx, registry.Txn{
			If:   []registry.Compare{{Key: key, Target: registry.ModRevision, Number: r.KVs[0].ModRevision}},
			Then: []registry.Op{{Kind: registry.OpPut, Key: key, Value: raw}},
		})
		if err != nil || t.Succeeded {
			return t.Revision, err
		}
	}
}

// answer asks a service until it answers, and returns when it did. Each try is a new connection, and
// they follow each other so closely that the time is that of the service.
func (s *stage) answer(ctx context.Context, url string) (time.Time, error) {
	const pause = time.Millisecond
	for {
		err := s.ask(ctx, url)
		if err == nil {
			return time.Now(), nil
		}
		select {
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("wait for an answer of %s: %w: %w", url, context.Cause(ctx), err)
		case <-time.After(pause):
		}
	}
}

func (s *stage) ask(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	rsp, err := s.web.Do(req)
	if err != nil {
		return err
	}
	defer rsp.Body.Close()
	if _, err := io.Copy(io.Discard, rsp.Body); err != nil {
		return err
	}
	if rsp.StatusCode != http.StatusOK {
		return fmt.Errorf("answer %s", rsp.Status)
	}
	return nil
}

// firstAnswer waits for a life and then for its service's first answer: nobody answers before it starts,
// so nothing is missed by not asking until then.
func (s *stage) firstAnswer(ctx context.Context, port uint16, wanted func(cluster.Life) bool) (cluster.Life, time.Time, error) {
	l, err := s.witness.Await(ctx, wanted)
	if err != nil {
		return l, time.Time{}, fmt.Errorf("wait for a start: %w", err)
	}
	at, err := s.answer(ctx, fmt.Sprintf("http://%s:%d/", l.From, port))
	return l, at, err
}
