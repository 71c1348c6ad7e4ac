package main

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// mirrorVariable turns this program into an app that prints what it was started with.
const mirrorVariable = "TEST_MIRROR"

var shim string

func TestMain(m *testing.M) {
	if os.Getenv(mirrorVariable) != "" {
		// os.Environ would leave out what is there twice.
		env, err := os.ReadFile("/proc/self/environ")
		if err == nil {
			list := strings.Split(strings.TrimSuffix(string(env), "\x00"), "\x00")
			err = json.NewEncoder(os.Stdout).Encode(reflection{os.Args, list, os.Getpid()})
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(build(m))
}

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "nsched-exec-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	shim = filepath.Join(dir, "nsched-exec")
	c := exec.Command("go", "build", "-trimpath", "-o", shim, ".")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build shim: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

type reflection struct {
	Argv []string
	Env  []string
	PID  int
}

// outcome is how a run of the shim ended.
type outcome struct {
	code   int
	stderr string
	mirror *reflection
	pid    int
}

// runShim runs the shim with a record; nil is no record at all.
func runShim(t *testing.T, record []byte, systemd ...string) outcome {
	t.Helper()
	credentials := t.TempDir()
	if record != nil {
		if err := os.WriteFile(filepath.Join(credentials, "record"), record, 0o400); err != nil {
			t.Fatal(err)
		}
	}
	return runProcess(t, append([]string{"CREDENTIALS_DIRECTORY=" + credentials}, systemd...))
}

func runProcess(t *testing.T, env []string, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(t.Context(), shim, args...)
	c.Env, c.Stdout, c.Stderr = env, &stdout, &stderr
	err := c.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	o := outcome{code: c.ProcessState.ExitCode(), stderr: stderr.String(), pid: c.Process.Pid}
	if stdout.Len() > 0 {
		o.mirror = &reflection{}
		if err := json.Unmarshal(stdout.Bytes(), o.mirror); err != nil {
			t.Fatalf("%v: %s", err, stdout.String())
		}
	}
	return o
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// wantFailure checks the exit code and the one line.
func wantFailure(t *testing.T, o outcome, code int, message string) {
	t.Helper()
	if o.code != code || o.mirror != nil {
		t.Errorf("exit code %d, want %d; %q", o.code, code, o.stderr)
	}
	if strings.Count(o.stderr, "\n") != 1 || !strings.HasPrefix(o.stderr, "nsched-exec: ") || !strings.Contains(o.stderr, message) {
		t.Errorf("message is %q, want one line with %q", o.stderr, message)
	}
}

func TestTheShimIsStatic(t *testing.T) {
	f, err := elf.Open(shim)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("it has a segment %v", p.Type)
		}
	}
}

func TestTheShimImportsTheStandardLibraryAlone(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Fields(string(out)); len(got) != 1 {
		t.Errorf("it is made of %v", got)
	}
}

func TestABadRecordIsToldAsSuch(t *testing.T) {
	for name, c := range map[string]struct {
		record  []byte
		message string
	}{
		"there is none":          {nil, "no such file or directory"},
		"it is empty":            {[]byte{}, "decode record"},
		"it is no JSON":          {[]byte("{"), "decode record"},
		"it is cut short":        {[]byte(`{"v":1,"argv":["/x"`), "decode record"},
		"its argv is a string":   {[]byte(`{"v":1,"argv":"/x"}`), "decode record"},
		"it is of tomorrow":      {[]byte(`{"v":2,"argv":["/x"]}`), "version 2 is not 1"},
		"it executes nothing":    {[]byte(`{"v":1,"argv":[]}`), "absolute path"},
		"its path is relative":   {[]byte(`{"v":1,"argv":["x"]}`), "absolute path"},
		"its guard is not there": {[]byte(`{"v":1,"argv":["/x"],"tenure":3}`), "guard's socket"},
	} {
		t.Run(name, func(t *testing.T) { wantFailure(t, runShim(t, c.record), exitRecord, c.message) })
	}
	t.Run("systemd gave no credentials", func(t *testing.T) {
		wantFailure(t, runProcess(t, []string{"A=b"}), exitRecord, "CREDENTIALS_DIRECTORY is not set")
	})
}

func TestWhatCannotBeExecutedIsTold(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct {
		path    string
		code    int
		message string
	}{
		"it is not there":                   {filepath.Join(dir, "none"), exitMissing, "no such file"},
		"a file stands where a folder is":   {file("file", "", 0o755) + "/x", exitMissing, "not a directory"},
		"it is not executable":              {file("plain", "x", 0o644), exitNotExecutable, "permission denied"},
		"it is a directory":                 {dir, exitNotExecutable, "permission denied"},
		"it is of no format":                {file("text", "hello", 0o755), exitNotExecutable, "exec format error"},
		"its interpreter is not there":      {file("script", "#!/nowhere/sh\n", 0o755), exitNotExecutable, "interpreter is missing"},
		"a newline in its name is one line": {filepath.Join(dir, "a\nb"), exitMissing, `a\nb`},
	} {
		t.Run(name, func(t *testing.T) {
			wantFailure(t, runShim(t, encode(t, record{V: 1, Argv: []string{c.path}})), c.code, c.message)
		})
	}
}

func TestTheProbeIsQuietWhereNothingWasKilled(t *testing.T) {
	if o := runProcess(t, nil, probeOOM); o.code != 0 || o.stderr != "" {
		t.Errorf("it exited with %d: %s", o.code, o.stderr)
	}
}

func TestTheProbeReadsTheKernelsFiles(t *testing.T) {
	for table, want := range map[string]string{
		"12:memory:/nsched.slice/x\n0::/\n":      "/nsched.slice/x",
		"3:cpu,cpuacct:/a\n4:memory,pids:/b:c\n": "/b:c",
		"0::/system.slice\n":                     "/",
		"":                                       "/",
	} {
		if got := memoryGroup(table); got != want {
			t.Errorf("group in %q is %q, want %q", table, got, want)
		}
	}
	for control, want := range map[string]int{
		"oom_kill_disable 0\nunder_oom 0\noom_kill 2\n": 2,
		"oom_kill_disable 1\nunder_oom 0\n":             0,
		"oom_kill x":                                    0,
		"":                                              0,
	} {
		if got := oomKills([]byte(control)); got != want {
			t.Errorf("kills in %s are %d, want %d", strconv.Quote(control), got, want)
		}
	}
}
