package stage

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/host"
	"github.com/nsched/nsched/units"
)

// witnessDir is where a host finds the witness's socket. It is of the file system: no fault of the network
// comes between a service and its witness.
const witnessDir = "/srv/witness"

// place is a directory of the lab's own.
func (s *Stage) place(name string) string { return filepath.Join(host.StateDir, s.Lab.ID(), name) }

// watch has the witness listen.
func (s *Stage) watch() error {
	dir := s.place("witness")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("open the witness's socket: %w", err)
	}
	socket := filepath.Join(dir, "socket")
	l, err := net.Listen("unix", socket)
	if err == nil {
		err = os.Chmod(socket, 0o777) // services run as other users
	}
	if err != nil {
		return fmt.Errorf("open the witness's socket: %w", err)
	}
	s.Witness = cluster.NewWitness(l)
	s.closers = append(s.closers, func() error { s.Witness.Close(); return nil })
	return nil
}

// Lives are those of all units of an app, the earliest start first.
func (s *Stage) Lives(app string) (all []cluster.Life) {
	s.Witness.Count(func(l cluster.Life) bool {
		if id, err := units.ParseUnitID(l.Unit); err == nil && string(id.App) == app {
			all = append(all, l)
		}
		return false
	})
	slices.SortFunc(all, func(a, b cluster.Life) int { return a.Start.Compare(b.Start) })
	return all
}
