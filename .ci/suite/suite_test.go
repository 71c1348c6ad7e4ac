package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// tree writes a module with the given files and returns its folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	files["go.mod"] = "module example.org/m\n\ngo 1.26.0\n"
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const passing = `package a

import "testing"

func TestOne(t *testing.T) {}

func TestTwo(t *testing.T) {
	t.Run("left", func(t *testing.T) {})
	t.Run("right", func(t *testing.T) { t.Run("in/most", func(t *testing.T) {}) })
}

func FuzzThree(f *testing.F) {
	f.Add(1)
	f.Add(2)
	f.Fuzz(func(t *testing.T, n int) {})
}

func ExampleFour() {
	// Output:
}
`

// runTree runs a tree's whole table and returns what was printed.
func runTree(t *testing.T, files map[string]string) (ok bool, printed string) {
	t.Helper()
	var out bytes.Buffer
	ok, err := testAll(t.Context(), &out, tree(t, files), "log", nil)
	if err != nil {
		t.Fatal(err)
	}
	return ok, out.String()
}

func wantLines(t *testing.T, printed string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(printed, line) {
			t.Errorf("%q is missing in:\n%s", line, printed)
		}
	}
}

func TestAGreenRunCountsInnermostTestsOnce(t *testing.T) {
	// One, left, in/most, the fuzz target, the example; two checks; the table itself.
	ok, printed := runTree(t, map[string]string{
		"a/a_test.go": passing,
		".ci/suites":  "units unit beside 5 2m go ./a\nlint lint beside 2 1m run printf ok\\040a\\nok\\040b\\n",
	})
	if !ok {
		t.Error("the run failed")
	}
	wantLines(t, printed, "\n8 passed, 0 failed\n", "ok    units: 5 tests", "ok    lint: 2 tests")
	if !strings.HasSuffix(printed, "passed, 0 failed\n") {
		t.Errorf("the count is not the last line:\n%s", printed)
	}
}

func TestARunFailsWhenSomethingIsAmiss(t *testing.T) {
	test := func(body string) string {
		return "package a\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nvar _ = os.Exit\n\n" + body
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"a test fails": {
			map[string]string{"a/a_test.go": test("func TestX(t *testing.T) { t.Error(\"boom\") }\nfunc TestY(t *testing.T) {}")},
			[]string{"--- units: example.org/m/a.TestX\n", "boom", "\n2 passed, 1 failed\n"},
		},
		"a subtest fails and its parent is not counted besides": {
			map[string]string{"a/a_test.go": test("func TestX(t *testing.T) { t.Run(\"sub\", func(t *testing.T) { t.Fatal(\"boom\") }) }")},
			[]string{"--- units: example.org/m/a.TestX/sub\n", "\n1 passed, 1 failed\n"},
		},
		"a parent fails after its subtests passed": {
			map[string]string{"a/a_test.go": test("func TestX(t *testing.T) { t.Run(\"sub\", func(t *testing.T) {}); t.Fatal(\"boom\") }")},
			[]string{"--- units: example.org/m/a.TestX\n", "\n2 passed, 1 failed\n"},
		},
		"a test skips": {
			map[string]string{"a/a_test.go": test("func TestX(t *testing.T) { t." + "SkipNow() }")},
			[]string{"a.TestX (skipped)", "\n1 passed, 1 failed\n"},
		},
		"a test panics": {
			map[string]string{"a/a_test.go": test("func TestX(t *testing.T) { panic(\"boom\") }\nfunc TestY(t *testing.T) {}")},
			[]string{"panic: boom", " 1 failed\n"},
		},
		"a test leaves the process with success": {
			map[string]string{"a/a_test.go": "package a\n\nimport (\n\t\"syscall\"\n\t\"testing\"\n)\n\nfunc TestX(t *testing.T) { syscall.Exit(0) }"},
			[]string{"(example.org/m/a did not end)", " 1 failed\n"},
		},
		"the tests' main fails by itself": {
			map[string]string{"a/a_test.go": test("func TestMain(m *testing.M) { m.Run(); os.Exit(3) }\nfunc TestX(t *testing.T) {}")},
			[]string{"(example.org/m/a failed outside any test)", "\n2 passed, 1 failed\n"},
		},
		"a test file does not build": {
			map[string]string{"a/a_test.go": test("func TestX(t *testing.T) { undefined() }")},
			[]string{"does not build)", "undefined: undefined", "(too few tests)"},
		},
		"a file does not parse": {
			map[string]string{"a/a_test.go": test("func TestX(t *testing.T) {"), "a/a.go": "package a\n\nfunc {"},
			[]string{"does not build)", "expected '}'", "(too few tests)"},
		},
		"an import is not to be had": {
			map[string]string{"a/a_test.go": test("func TestX(t *testing.T) {}"), "a/a.go": "package a\n\nimport _ \"example.org/m/b\""},
			[]string{"example.org/m/b", "(too few tests)"},
		},
		"fewer tests ran than the table says": {
			map[string]string{"a/a_test.go": test("func TestX(t *testing.T) {}"), ".ci/suites": "units unit beside 2 2m go ./a"},
			[]string{"1 ran, .ci/suites asks for at least 2", "\n2 passed, 1 failed\n"},
		},
		"a suite's package is gone": {
			map[string]string{"b/b.go": "package b"},
			[]string{"./a does not exist", "(too few tests)"},
		},
		"a package with tests is in no suite": {
			map[string]string{"a/a_test.go": test("func TestX(t *testing.T) {}"), "b/b_test.go": strings.Replace(test("func TestX(t *testing.T) {}"), "package a", "package b", 1)},
			[]string{"example.org/m/b has tests and is in no suite", "\n1 passed, 1 failed\n"},
		},
		"a package is in two suites": {
			map[string]string{"a/a_test.go": test("func TestX(t *testing.T) {}"), ".ci/suites": "units unit beside 1 2m go ./a\nmore unit beside 1 2m go ./..."},
			[]string{"example.org/m/a is in 2 suites: units more"},
		},
		"a build constraint hides a test file": {
			map[string]string{"a/a_test.go": test("func TestX(t *testing.T) {}"), "a/b_test.go": "//go:build slow\n\npackage a\n"},
			[]string{"a build constraint hides b_test.go"},
		},
		"a check of a command fails": {
			map[string]string{"a/a_test.go": test("func TestX(t *testing.T) {}"), ".ci/suites": "units unit beside 1 2m go ./a\nlint lint beside 1 1m run printf ok\\040one\\nwhy\\nnot\\040ok\\040two\\n"},
			[]string{"--- lint: two\n    why\n", "\n3 passed, 1 failed\n"},
		},
		"a command ends badly without a word": {
			map[string]string{"a/a_test.go": test("func TestX(t *testing.T) {}"), ".ci/suites": "units unit beside 1 2m go ./a\nlint lint beside 1 1m run false"},
			[]string{"(exit status 1)", "(too few tests)"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c.files[".ci/suites"] == "" {
				c.files[".ci/suites"] = "units unit beside 1 2m go ./a\n"
			}
			ok, printed := runTree(t, c.files)
			if ok {
				t.Error("the run passed")
			}
			wantLines(t, printed, c.want...)
		})
	}
}

func TestASuiteThatHangsIsEndedWithAllItStartedAndSaysWhere(t *testing.T) {
	root := tree(t, map[string]string{
		"a/a_test.go": "package a\n\nimport (\n\t\"os/exec\"\n\t\"testing\"\n)\n\nfunc TestX(t *testing.T) { _ = exec.Command(\"sleep\", \"1000\").Run() }\n",
	})
	r := runner{root: root, logs: t.TempDir(), procs: 1, grace: 2 * time.Second}
	// The limit strikes when the test has said that it runs, however slow the machine is.
	ctx, strike := context.WithCancelCause(t.Context())
	defer strike(nil)
	var lines atomic.Int64
	go func() {
		for lines.Load() < 3 && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		strike(errLimit)
	}()
	res := r.run(ctx, Suite{Name: "units", Least: 1, Limit: time.Hour, Packages: []string{"./a"}}, &lines)
	var all strings.Builder
	printFailures(&all, res, "")
	wantLines(t, all.String(), "a.TestX (did not end)", "SIGQUIT", "a_test.go:8", "(ran into its limit of 1h0m0s)")
}

func TestACommandIsEndedAtItsLimit(t *testing.T) {
	r := runner{root: t.TempDir(), logs: t.TempDir(), procs: 1, grace: time.Second}
	var lines atomic.Int64
	res := r.run(t.Context(), Suite{Name: "lint", Least: 1, Limit: 50 * time.Millisecond, Command: []string{"sleep", "1000"}}, &lines)
	var all strings.Builder
	printFailures(&all, res, "")
	wantLines(t, all.String(), "(ran into its limit of 50ms)")
}

func TestTheCallersChoiceOfCgoDoesNotReachASuite(t *testing.T) {
	t.Setenv("CGO_ENABLED", "0")
	root := tree(t, map[string]string{"say": "#!/bin/sh\necho \"ok CGO_ENABLED=$CGO_ENABLED\"\n"})
	r := runner{root: root, logs: t.TempDir(), procs: 1, grace: time.Second}
	for flag, want := range map[string]string{"-race": "ok CGO_ENABLED=1\n", "-v": "ok CGO_ENABLED=0\n"} {
		var lines atomic.Int64
		s := Suite{Name: "s", Least: 1, Limit: time.Minute, Command: []string{"sh", "say"}, Flags: []string{flag}}
		if res := r.run(t.Context(), s, &lines); len(res.Failures) > 0 {
			t.Fatalf("%+v", res.Failures)
		}
		log, err := os.ReadFile(r.logFile(s))
		if err != nil {
			t.Fatal(err)
		}
		if string(log) != want {
			t.Errorf("%s: %q, want %q", flag, log, want)
		}
	}
}

func TestAnInterruptedSuiteFails(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := runner{root: t.TempDir(), logs: t.TempDir(), procs: 1, grace: time.Second}
	var lines atomic.Int64
	res := r.run(ctx, Suite{Name: "lint", Least: 1, Limit: time.Minute, Command: []string{"echo", "ok", "x"}}, &lines)
	var all strings.Builder
	printFailures(&all, res, "")
	wantLines(t, all.String(), "(interrupted)", "(too few tests)")
}

func TestALongStoryIsCutInTheMiddle(t *testing.T) {
	var out strings.Builder
	story := "begin\n" + strings.Repeat("middle\n", 1000) + "end\n"
	printFailures(&out, Result{Suite: Suite{Name: "units"}, Failures: []Failure{{Name: "x", Output: story}}}, "units.log")
	wantLines(t, out.String(), "    begin\n", "    end\n", "lines more in units.log …")
	if n := strings.Count(out.String(), "\n"); n > shownLines+4 {
		t.Errorf("%d lines are shown", n)
	}
}
