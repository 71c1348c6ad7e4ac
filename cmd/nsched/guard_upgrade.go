package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/nsched/nsched/node/guard"
)

// An upgrade takes some milliseconds; a program that cannot be executed is noticed by the wait.
const (
	upgradeWithin = 10 * time.Second
	upgradeLook   = 20 * time.Millisecond
)

// upgradeGuard tells the guard to become a program and waits until the new one answers. It may be the
// same program: then the guard begins anew with its configuration.
func upgradeGuard(ctx context.Context, socket, binary string) error {
	absolute, err := filepath.Abs(binary)
	if err != nil {
		return fmt.Errorf("upgrade the guard: %w", err)
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
			return fmt.Errorf("upgrade the guard: it did not become %s within %s and goes on as %s; its log says why",
				absolute, upgradeWithin, before.Version)
		}
	}
}
