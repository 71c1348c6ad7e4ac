package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/nsched/nsched/node/guard"
)

// An upgrade takes some milliseconds; a program that cannot be executed is noticed by the wait.
const (
	upgradeWithin = 10 * time.Second
	upgradeLook   = 20 * time.Millisecond
	versionWithin = 5 * time.Second
)

// errNoNsched: a program does not say which version of nsched it is.
var errNoNsched = errors.New("the program is no nsched")

// upgradeGuard tells the guard to become a program and waits until the new one answers. It may be the
// same program: then the guard begins anew with its configuration.
func upgradeGuard(ctx context.Context, socket, binary string) error {
	absolute, err := filepath.Abs(binary)
	if err != nil {
		return fmt.Errorf("upgrade the guard: %w", err)
	}
	// A guard that has become something else is no guard any more, and what is bound to it ends.
	if err := askVersion(ctx, absolute); err != nil {
		return fmt.Errorf("upgrade the guard: %s: %w", absolute, err)
	}
	before, err := guard.Ask(ctx, socket, guard.Request{Op: "state"})
	if err != nil {
		return fmt.Errorf("upgrade the guard: %w", err)
	}
	told, err := guard.Ask(ctx, socket, guard.Request{Op: "upgrade", Binary: absolute})
	if err != nil {
		return fmt.Errorf("upgrade the guard: %w", err)
	}
	if !told.OK {
		return fmt.Errorf("upgrade the guard: it refused: %s", told.Error)
	}
	ctx, cancel := context.WithTimeout(ctx, upgradeWithin)
	defer cancel()
	look := time.NewTicker(upgradeLook)
	defer look.Stop()
	for {
		after, err := guard.Ask(ctx, socket, guard.Request{Op: "state"})
		switch {
		case err == nil && after.PID != before.PID:
			return fmt.Errorf("upgrade the guard: process %d was replaced by %d, so its tenure may be another", before.PID, after.PID)
		case err == nil && after.BeganBootNs != before.BeganBootNs:
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			if err != nil {
				return fmt.Errorf("upgrade the guard: it does not answer since it was told to become %s; its log says why: %w", absolute, err)
			}
			return fmt.Errorf("upgrade the guard: it did not become %s within %s and goes on as %s; its log says why",
				absolute, upgradeWithin, before.Version)
		}
	}
}

// askVersion has a program say that it is an nsched.
func askVersion(ctx context.Context, binary string) error {
	ctx, cancel := context.WithTimeout(ctx, versionWithin)
	defer cancel()
	said, err := exec.CommandContext(ctx, binary, "version", "--output=json").Output()
	if err != nil {
		return fmt.Errorf("%w: asked for its version: %w", errNoNsched, err)
	}
	var v versionView
	if err := json.Unmarshal(said, &v); err != nil || v.Version == "" || v.AppSchema == 0 {
		return fmt.Errorf("%w: asked for its version it said %.40q", errNoNsched, said)
	}
	return nil
}
