package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/nsched/nsched/units/registry"
	"github.com/nsched/nsched/units/registry/embedded"
)

func (s *session) snapshotCommand() *cobra.Command {
	return uses(&cobra.Command{
		Use:   "snapshot FILE",
		Short: "Save everything that etcd holds into a file",
		Long: "Save everything that etcd holds at one moment into a file, other prefixes included. The file is there whole\n" +
			"and checked, or not at all. One that is there already is replaced only after asking. Where etcd's\n" +
			"authentication is on, only root may do this.\n\n" + snapshotJSON,
		Args: arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			replace, err := s.mayWrite(c.Context(), args[0])
			if err != nil {
				return err
			}
			cluster, err := s.connect()
			if err != nil {
				return err
			}
			found, err := cluster.save(c.Context(), args[0], replace)
			if err != nil {
				return err
			}
			v := viewSnapshot(args[0], cluster.keys, found)
			return s.print(v, v.table())
		},
	}, "yes")
}

// mayWrite asks before a file is replaced, and reports whether one is.
func (s *session) mayWrite(ctx context.Context, file string) (replace bool, err error) {
	info, err := os.Stat(file)
	switch {
	case file == "-":
		return false, usage("a snapshot goes to a file; name one")
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case !info.Mode().IsRegular():
		return false, usage("%s is there already and no file", file)
	}
	return true, s.yesNo(ctx, fmt.Sprintf("%s is there already. Replace it?", file))
}

// saveTries is how often a member is asked that may lag behind the others.
const saveTries = 3

// save writes a snapshot beside the file, reads it as a restore would, and renames it. What one that was killed
// left there is removed.
func (c cluster) save(ctx context.Context, file string, replace bool) (_ embedded.Snapshot, err error) {
	etcd, ok := c.KV.(*registry.Etcd)
	if !ok {
		return embedded.Snapshot{}, errors.New("only an etcd can be saved")
	}
	now, err := c.Range(ctx, registry.Range{Key: c.keys.Cluster()})
	if err != nil {
		return embedded.Snapshot{}, err
	}
	if len(now.KVs) == 0 {
		return embedded.Snapshot{}, exit(exitFailed, "there is no cluster under %s in this etcd; mind --endpoints and --prefix", c.keys.Prefix())
	}
	embedded.SweepHalves(filepath.Dir(file))
	next, err := os.CreateTemp(filepath.Dir(file), embedded.HalfPrefix)
	if err != nil {
		return embedded.Snapshot{}, err
	}
	defer func() {
		_ = next.Close() // closed already where it counts
		if gone := os.Remove(next.Name()); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	if err := embedded.HoldHalf(next); err != nil {
		return embedded.Snapshot{}, fmt.Errorf("hold %s: %w", next.Name(), err)
	}
	for range saveTries {
		if err := copySnapshot(ctx, etcd, next); err != nil {
			return embedded.Snapshot{}, err
		}
		found, err := embedded.ReadSnapshot(next.Name(), c.keys)
		if err != nil {
			return embedded.Snapshot{}, err
		}
		if found.Revision >= now.Revision {
			return found, errors.Join(next.Close(), putInPlace(next.Name(), file, replace))
		}
	}
	return embedded.Snapshot{}, exit(exitFailed, "the members of etcd that answered lag behind; repeat it, or name one with --endpoints")
}

// copySnapshot makes the file hold a snapshot and nothing else, durably.
func copySnapshot(ctx context.Context, etcd *registry.Etcd, to *os.File) error {
	if _, err := to.Seek(0, 0); err != nil {
		return err
	}
	if err := to.Truncate(0); err != nil {
		return err
	}
	if _, err := etcd.Snapshot(ctx, to); err != nil {
		return err
	}
	return to.Sync()
}

// putInPlace gives a file its name, and takes the name from nobody unless told to.
func putInPlace(from, to string, replace bool) error {
	place := os.Link
	if replace {
		place = os.Rename
	}
	if err := place(from, to); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
