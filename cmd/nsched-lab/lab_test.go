package main

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

// labID is one that no other run uses.
func labID() string { return fmt.Sprintf("cli%x", rand.Uint32()) }

func end(t *testing.T, id string) {
	t.Helper()
	lab, err := host.Attach(t.Context(), id)
	if err == nil {
		err = lab.Down()
	}
	if err != nil {
		t.Error(err)
	}
}
