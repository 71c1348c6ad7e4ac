package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// update rewrites what scripts expect by what they got.
var update = flag.Bool("update", false, "rewrite what the scripts expect")

// TestScripts runs the program as a person does. Besides testscript's own commands there are:
//
//	exits CODE ARG…      nsched ARG… ends with that code
//	etcd [DIR]           starts an etcd that nsched talks to from now on, and no more, on DIR/etcd
//	nodes NAME…          registers nodes in it
//	push PATH            puts a path into the cache that the nodes ask
//	put KEY FILE         writes a file into etcd, below the prefix
//	await KEY            waits until a key is there
//	revision             remembers etcd's revision
//	still                fails when etcd's revision has moved since
//	config               writes node.json for a node n1 that keeps everything in the script's folder
//	tenure KEY           remembers the create revision of a key, and fails when it is another one
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		UpdateScripts:       *update,
		Setup: func(e *testscript.Env) error {
			e.Setenv("NSCHED_ENDPOINTS", "http://127.0.0.1:9")
			e.Values[stageKey{}] = new(scriptStage)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exitsCommand, "etcd": etcdCommand, "nodes": nodesScript, "push": pushCommand,
			"put": putCommand, "delete": deleteCommand, "await": awaitCommand, "revision": revisionCommand, "still": stillCommand,
			"config": configScript, "tenure": tenureCommand,
		},
	})
}

type stageKey struct{}

// scriptStage is a script's stage and the revision that it remembers.
type scriptStage struct {
	*stage
	remembered int64
	tenure     int64
}

func stageOf(ts *testscript.TestScript) *scriptStage {
	s, _ := ts.Value(stageKey{}).(*scriptStage)
	return s
}

func exitsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE ARG…")
	}
	code := 0
	var ended *exec.ExitError
	if err := ts.Exec("nsched", args[1:]...); errors.As(err, &ended) {
		code = ended.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s\nstdout: %sstderr: %s", code, args[0], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

func etcdCommand(ts *testscript.TestScript, _ bool, args []string) {
	s := stageOf(ts)
	s.stage = newStage(context.Background(), ts, ts.MkAbs(strings.Join(args, "")))
	ts.Defer(s.stage.close)
	ts.Setenv("NSCHED_ENDPOINTS", s.endpoint)
}

func nodesScript(ts *testscript.TestScript, _ bool, names []string) {
	for i, name := range names {
		stageOf(ts).register(ts, units.NodeName(name), func(n *units.Node) {
			n.Addresses = []string{"10.0.0." + strconv.Itoa(i+1)}
			n.Caches = []string{"file://" + stageOf(ts).cache}
		})
	}
}

func pushCommand(ts *testscript.TestScript, _ bool, paths []string) {
	for _, p := range paths {
		stageOf(ts).push(ts, units.StorePath(p), true)
	}
}

func putCommand(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: put KEY FILE")
	}
	s := stageOf(ts)
	s.put(ts, s.keys.Prefix()+args[0], []byte(strings.TrimSpace(ts.ReadFile(args[1]))))
}

func deleteCommand(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: delete KEY")
	}
	s := stageOf(ts)
	_, err := s.Txn(context.Background(), registry.Txn{Then: []registry.Op{{Kind: registry.OpDelete, Key: s.keys.Prefix() + args[0]}}})
	ts.Check(err)
}

func awaitCommand(ts *testscript.TestScript, _ bool, args []string) {
	s := stageOf(ts)
	for range 600 {
		res, err := s.Range(context.Background(), registry.Range{Key: s.keys.Prefix() + args[0], KeysOnly: true})
		if err == nil && len(res.KVs) == 1 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("%s never came", args[0])
}

func revisionCommand(ts *testscript.TestScript, _ bool, _ []string) {
	s := stageOf(ts)
	s.remembered = s.revision(ts)
}

func stillCommand(ts *testscript.TestScript, _ bool, _ []string) {
	if s := stageOf(ts); s.revision(ts) != s.remembered {
		ts.Fatalf("etcd's revision moved from %d to %d", s.remembered, s.revision(ts))
	}
}

func configScript(ts *testscript.TestScript, _ bool, _ []string) {
	text := fmt.Sprintf(`{"node": {"name": "n1"}, "etcd": {"endpoints": [%q]}, "paths": {"state": %q, "runtime": %q}}`,
		stageOf(ts).endpoint, ts.MkAbs("state"), ts.MkAbs("run"))
	if err := os.WriteFile(ts.MkAbs("node.json"), []byte(text), 0o644); err != nil {
		ts.Fatalf("%v", err)
	}
}

func tenureCommand(ts *testscript.TestScript, _ bool, args []string) {
	s := stageOf(ts)
	res, err := s.Range(context.Background(), registry.Range{Key: s.keys.Prefix() + args[0]})
	if err != nil || len(res.KVs) != 1 {
		ts.Fatalf("read %s: %d keys, %v", args[0], len(res.KVs), err)
	}
	if s.tenure != 0 && s.tenure != res.KVs[0].CreateRevision {
		ts.Fatalf("the tenure was %d and is %d", s.tenure, res.KVs[0].CreateRevision)
	}
	s.tenure = res.KVs[0].CreateRevision
}
