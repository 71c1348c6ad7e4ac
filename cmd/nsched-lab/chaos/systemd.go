package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

const (
	// stormUnits is how many units systemd has to read again with each reload of a storm, and stormLoops
	// how many ask for it, each without a pause.
	stormUnits = 400
	stormLoops = 2
)

func systemdFaults() []Fault {
	return []Fault{
		{"reexec", DomainNode, "systemctl daemon-reexec on a node, three times", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			return on(ctx, d.node(s), "for i in 1 2 3; do systemctl daemon-reexec; sleep 0.5; done")
		}},
		{"dbus-restart", DomainNode, "systemctl restart dbus on a node, three times", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			return on(ctx, d.node(s), "for i in 1 2 3; do systemctl restart dbus; sleep 0.5; done")
		}},
		{"reload-storm", DomainNode, "two loops of systemctl daemon-reload with 400 units on a node, 10 to 20 s", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			n := d.node(s)
			heal, err := Storm(ctx, n)
			return &Blow{Target: n.Name(), Lasts: d.between(10*time.Second, 20*time.Second), heal: heal}, err
		}},
		{"gc-loop", DomainNode, "nix-store --gc without a pause on a node, 15 to 25 s", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			n := d.node(s)
			stop, err := loops(ctx, n, 1, "while :; do nix-store --gc >/dev/null; done")
			heal := func(context.Context) error { stop(); return nil }
			return &Blow{Target: n.Name(), Lasts: d.between(15*time.Second, 25*time.Second), heal: heal}, err
		}},
	}
}

// on strikes a fault that a script on a node is.
func on(ctx context.Context, n *cluster.Node, script string) (*Blow, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := n.Exec(ctx, "sh", "-ec", script)
	return &Blow{Target: n.Name(), heal: nothing}, err
}

// stormScript makes systemd load many services. Their condition fails, so that starting them costs no
// process, and they stay loaded because an active target wants them.
const stormScript = `mkdir -p "$0/storm.target.wants"
for i in $(seq "$1"); do
	printf '[Unit]\nConditionPathExists=/nowhere\n[Service]\nExecStart=/bin/true\n' > "$0/storm-$i.service"
	ln -sf "$0/storm-$i.service" "$0/storm.target.wants/"
done
printf '[Unit]\nDescription=Wants many\n' > "$0/storm.target"
systemctl daemon-reload
systemctl start storm.target`

const stormDir = "/run/systemd/system"

// Storm has systemd of a node read all its units again and again until heal is called.
func Storm(ctx context.Context, n *cluster.Node) (heal func(context.Context) error, err error) {
	if _, err = n.Exec(ctx, "sh", "-ec", stormScript, stormDir, fmt.Sprint(stormUnits)); err != nil {
		return nil, fmt.Errorf("prepare a storm: %w", err)
	}
	stop, err := loops(ctx, n, stormLoops, "while :; do systemctl daemon-reload; done")
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		stop()
		_, err := n.Exec(ctx, "sh", "-ec", `systemctl stop storm.target; rm -rf "$0"/storm*; systemctl daemon-reload`, stormDir)
		return err
	}, nil
}

// loops starts a script on a node several times and returns how to end it.
func loops(ctx context.Context, n *cluster.Node, count int, script string) (stop func(), err error) {
	var all []*host.Process
	stop = func() {
		for _, p := range all {
			p.Kill()
		}
	}
	for range count {
		p, err := n.Start(ctx, host.Command{Argv: []string{"sh", "-c", script}})
		if err != nil {
			stop()
			return nil, errors.Join(fmt.Errorf("start a loop on %s: %w", n.Name(), err))
		}
		all = append(all, p)
	}
	return stop, nil
}
