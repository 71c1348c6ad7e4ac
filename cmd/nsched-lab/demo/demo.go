package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

// Options say how to show it.
type Options struct {
	// Checkout is where nsched was built.
	Checkout string
	// Serve is the command that serves a directory over HTTP: the directory and an address are added.
	Serve []string
	// Keep leaves the lab running.
	Keep bool
	Out  io.Writer
}

// show is a demo under way.
type show struct {
	*script
	o          Options
	c          *cluster.Cluster
	nodes      map[string]*cluster.Node
	schedulers map[string]*cluster.Scheduler
}

// Run shows it from the first to the last step. Unless it is to be kept, nothing of it is left when Run
// returns, however it ended.
func Run(ctx context.Context, o Options) (err error) {
	d := &show{script: &script{out: o.Out, begun: time.Now()}, o: o}
	d.say("nsched: services that are exact Nix store paths, on a pool of machines.")
	d.tell(
		"What follows runs on this machine alone, in a lab: real systemd hosts on a network that leads",
		"nowhere else. Every command is one that you could type; $ shows it, and where.")
	defer func() {
		if err != nil && d.c != nil && ctx.Err() == nil {
			d.say("\nIt went wrong: %v\nWhat the parts said at the end:\n", err)
			d.c.Dump(ctx, o.Out)
		}
		if d.c != nil && (err != nil || !o.Keep) {
			err = errors.Join(err, d.c.Lab.Down(), d.c.Close())
		}
	}()
	for _, step := range []func(context.Context) error{
		d.raise, d.build, d.submit, d.reach, d.lose, d.depose, d.crash, d.stop,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	d.end()
	return nil
}

// dev runs a command line on the machine of a person and shows both, as it goes.
func (d *show) dev(ctx context.Context, line string) error {
	d.command("dev", line)
	out := &indented{to: d.out}
	err := d.c.Dev.Run(ctx, host.Command{Argv: []string{"sh", "-c", line}, Env: environment, Dir: cluster.HelloSource, Stdout: out, Stderr: out})
	if err != nil {
		return fmt.Errorf("run %q: %w", line, err)
	}
	return nil
}

// quiet runs a command line on the machine of a person and returns its output.
func (d *show) quiet(ctx context.Context, argv ...string) (string, error) {
	return d.c.Dev.Exec(ctx, append(append([]string{"env", "-C", cluster.HelloSource}, environment...), argv...)...)
}

// environment is what a person has put into their profile.
var environment = []string{"NSCHED_ENDPOINTS=" + cluster.EtcdURL, "NSCHED_ALLOW_INSECURE=true", "NO_COLOR=1"}

// end prints the table and what is left.
func (d *show) end() {
	d.step("How long it took")
	d.say("")
	d.table()
	d.say("\n  all of it: %s", time.Since(d.begun).Round(time.Second))
	if !d.o.Keep {
		d.say("\nThe lab is taken down. KEEP=1 make demo leaves it running.")
		return
	}
	id := d.c.Lab.ID()
	lab, err := os.Executable()
	if err != nil {
		lab = "nsched-lab"
	}
	d.say("\nThe lab %s runs on. To talk to it:\n", id)
	for _, line := range []struct{ command, what string }{
		{"exec " + id + "/dev -- bash", "a shell where nsched and the example are"},
		{"exec -e NSCHED_ENDPOINTS=" + cluster.EtcdURL + " -e NSCHED_ALLOW_INSECURE=true " + id + "/dev -- nsched status", "any command of nsched"},
		{"power-off " + id + "/n2", "cut a machine's power"},
		{"net partition " + id + "/n1", "pull a cable"},
		{"list", "what runs"},
		{"down " + id, "end it, and leave nothing"},
	} {
		d.say("  %s %s\n      %s", lab, line.command, line.what)
	}
}
