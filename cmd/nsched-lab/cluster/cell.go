package cluster

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

// Cell is a place on the lab's network that is no host: a network namespace with an address and a cable
// of its own, in which processes of the lab run. It costs no systemd and can be cut off like a host.
type Cell struct {
	Name    string
	Address netip.Addr
	c       *Cluster
}

// The first of the addresses that cells have: they lie between the lab's own and the first host's.
var firstCell = host.Address.Next()

const maxCells = 9

// cells are all names that a cluster of these options gives to cells, in the order of their addresses.
func (o Options) cells() []string {
	var names []string
	for i := range o.Members {
		names = append(names, fmt.Sprintf("e%d", i+1))
	}
	for i := range o.Schedulers {
		names = append(names, fmt.Sprintf("s%d", i+1))
	}
	return names
}

// cellLines name the cells in /etc/hosts.
func (o Options) cellLines() []string {
	var lines []string
	at := firstCell
	for _, name := range o.cells() {
		lines = append(lines, at.String()+" "+name)
		at = at.Next()
	}
	return lines
}

// makeCells makes all cells. They go with the lab.
func (c *Cluster) makeCells(ctx context.Context, o Options) error {
	if n := len(o.cells()); n > maxCells {
		return fmt.Errorf("make %d cells: there is room for %d: %w", n, maxCells, host.ErrRequest)
	}
	at := firstCell
	for _, name := range o.cells() {
		cell := &Cell{Name: name, Address: at, c: c}
		// The script's errors are the lab's: nothing in it depends on who asks.
		if _, err := c.Lab.Exec(ctx, "sh", "-ec", cellScript, cell.file(), cell.port(), at.String()+"/16"); err != nil {
			return fmt.Errorf("make cell %s: %w", name, err)
		}
		c.cells[name] = cell
		at = at.Next()
	}
	return nil
}

const cellScript = `mkdir -p "${0%/*}"; : > "$0"
unshare --net="$0" ip link set lo up
ip link add "$1" type veth peer name cell0 netns "$0"
nsenter --net="$0" ip address add "$2" dev cell0
nsenter --net="$0" ip link set cell0 up
ip link set "$1" master lab0 up`

// file is what the cell's namespace is bound to, in the holder's own /run.
func (l *Cell) file() string { return filepath.Join("/run/cells", l.Name) }

// port is the switch's end of the cell's cable.
func (l *Cell) port() string { return "cell-" + l.Name }

// Start starts a program in the cell. It ends with the lab at the latest.
func (l *Cell) Start(ctx context.Context, log string, argv ...string) (*host.Process, error) {
	return l.c.Start(ctx, log, append([]string{"nsenter", "--net=" + l.file(), "--"}, argv...)...)
}

// Cut pulls the cell's cable; Join puts it back. Both are idempotent.
func (l *Cell) Cut(ctx context.Context) error { return l.link(ctx, "down") }

// Join puts the cable back.
func (l *Cell) Join(ctx context.Context) error { return l.link(ctx, "up") }

func (l *Cell) link(ctx context.Context, state string) error {
	if _, err := l.c.Lab.Exec(ctx, "ip", "link", "set", l.port(), state); err != nil {
		return fmt.Errorf("set the cable of %s %s: %w", l.Name, state, err)
	}
	return nil
}
