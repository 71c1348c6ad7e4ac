package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

func TestMain(m *testing.M) {
	host.Init()
	testscript.Main(m, map[string]func(){"nsched-lab": main})
}

func TestCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			// A script that fails half-way leaves no lab: its id is made from the script's name.
			env.Defer(func() {
				ids, err := host.IDs()
				if err != nil {
					t.Error(err)
				}
				for _, id := range ids {
					if id == env.Getenv("LAB") {
						end(t, id)
					}
				}
			})
			env.Setenv("LAB", labID())
			return nil
		},
	})
}
