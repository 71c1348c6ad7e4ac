package holder

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/rs/zerolog"

	"github.com/nsched/nsched/cmd/nsched-lab/host/wire"
)

// Name is argv[0] of a holder; argv[1] is the lab's id, for people who read process lists.
const Name = "nsched-lab-holder"

// confined marks the second of the two images that a holder runs as.
const confined = "confined"

// Main is the holder's life; it does not return. The first image gives up capabilities on its only
// thread that counts and replaces itself, so that every thread of the second is without them.
func Main(args []string) {
	if len(args) < 3 || args[2] != confined {
		err := dropCapabilities()
		if err == nil {
			id := ""
			if len(args) > 1 {
				id = args[1]
			}
			err = syscall.Exec("/proc/self/exe", []string{Name, id, confined}, os.Environ())
		}
		exit(err)
	}
	exit(run(context.Background()))
}

// run sets the lab up, reports on the ready pipe and serves until it is killed or its owner is gone. All
// that it started ends with the process.
func run(ctx context.Context) error {
	life := bufio.NewReader(os.NewFile(wire.FDLife, "life"))
	ready := os.NewFile(wire.FDReady, "ready")
	syscall.CloseOnExec(wire.FDLock)
	syscall.CloseOnExec(wire.FDLife)
	syscall.CloseOnExec(wire.FDReady)

	line, err := life.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read configuration: the owner is gone: %w", err)
	}
	var cfg wire.Config
	if err := json.Unmarshal(line, &cfg); err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	if cfg.Attached {
		go func() { // ends with the process, which it ends
			_, _ = io.Copy(io.Discard, life)
			syscall.Exit(0) // at once: os.Exit may first do what a test binary wants done
		}()
	}
	log := zerolog.New(os.Stderr).Level(zerolog.Level(cfg.Level)).With().Timestamp().Logger()
	if err := os.Setenv("PATH", os.Getenv("PATH")+":"+standardPath); err != nil {
		return fmt.Errorf("complete PATH: %w", err)
	}
	h := newHolder(cfg, log)
	listener, err := h.setUp(ctx)
	if err != nil {
		_, _ = fmt.Fprintf(ready, "%v", err)
		return err
	}
	if _, err := io.WriteString(ready, "ok"); err != nil {
		return fmt.Errorf("report readiness: the owner is gone: %w", err)
	}
	_ = ready.Close()
	return h.serve(ctx, listener)
}

func exit(err error) {
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, Name+":", err)
		os.Exit(1)
	}
	os.Exit(0)
}
