package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rs/zerolog"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/storage/backend"
	"go.etcd.io/etcd/server/v3/storage/mvcc"
	"go.etcd.io/etcd/server/v3/storage/schema"
	"google.golang.org/protobuf/proto"

	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// RestoreBump is by how much a restore raises the revision beyond that of its snapshot: more than a
// cluster writes between two snapshots, so that no revision that anybody has seen ever comes again,
// neither in a watch nor as a tenure nor in a fence token.
const RestoreBump = 1_000_000_000

// ErrNotEmpty says that there is something already where a restore is to go.
var ErrNotEmpty = errors.New("the directory is not empty")

// RestoreOptions says what becomes of a snapshot. The members of a cluster are restored one by one, each
// from the same file and with the same Cluster and Token. Without Name, Cluster, Peers and Token it
// becomes the directory of a Server.
type RestoreOptions struct {
	// File is what Snapshot wrote, or with NoHash the database of a member that does not run.
	File string
	// Dir is made where it does not exist; one that does must be empty.
	Dir  string
	Keys registry.Keys
	// Name is the member's own, Cluster names all members as "a=http://10.0.0.1:2380,b=…", Peers are the
	// URLs of this one, and Token tells clusters apart.
	Name, Cluster string
	Peers         []string
	Token         string
	NoHash        bool
	// Logger gets what etcd says.
	Logger zerolog.Logger
}

// filled returns the options with what a Server would have.
func (o RestoreOptions) filled() RestoreOptions {
	c := embed.NewConfig()
	if o.Name == "" {
		o.Name = memberName
	}
	if len(o.Peers) == 0 {
		for _, u := range c.AdvertisePeerUrls {
			o.Peers = append(o.Peers, u.String())
		}
	}
	if o.Cluster == "" {
		var parts []string
		for _, url := range o.Peers {
			parts = append(parts, o.Name+"="+url)
		}
		o.Cluster = strings.Join(parts, ",")
	}
	if o.Token == "" {
		o.Token = c.InitialClusterToken
	}
	return o
}

// Restore makes a member's directory from a snapshot and returns what the snapshot holds. Its revision is
// RestoreBump and a bit higher, and all before that counts as compacted, so that watches begin anew. The
// cluster in it is marked as restored: schedulers and nodes hold until that is acknowledged.
//
// What is made appears whole or not at all, also when ctx ends; a directory that is there already stays the one
// that it is, with its owner and whatever is mounted on it. The same options make the same database on every
// member.
func Restore(ctx context.Context, o RestoreOptions) (s Snapshot, err error) {
	o = o.filled()
	s, err = ReadSnapshot(o.File, o.Keys)
	switch {
	case err != nil:
		return s, fmt.Errorf("restore: %w", err)
	case !s.Hashed && !o.NoHash:
		return s, fmt.Errorf("restore %s: %w: there is no hash at its end", o.File, registry.ErrSnapshot)
	case s.identity == nil:
		return s, fmt.Errorf("restore %s: it holds no cluster under %s", o.File, o.Keys.Prefix())
	case ctx.Err() != nil:
		return s, fmt.Errorf("restore: %w", ctx.Err())
	}
	marked, err := restoredMark(s.identity, s.Revision+RestoreBump+1)
	if err != nil {
		return s, fmt.Errorf("restore %s: %w", o.File, err)
	}
	there, err := vacant(o.Dir)
	if err != nil {
		return s, fmt.Errorf("restore to %s: %w", o.Dir, err)
	}
	if err := o.place(ctx, there, marked); err != nil {
		return s, fmt.Errorf("restore %s: %w", o.File, err)
	}
	return s, nil
}

// place makes what is restored, in the directory where that is there and beside it where not, and moves it to its
// place.
func (o RestoreOptions) place(ctx context.Context, there bool, marked *mvccpb.KeyValue) (err error) {
	into := filepath.Dir(o.Dir)
	if there {
		into = o.Dir
	} else if err := os.MkdirAll(into, 0o700); err != nil {
		return err
	}
	SweepHalves(into)
	half, err := os.MkdirTemp(into, HalfPrefix)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(half)) }()
	held, err := os.Open(half)
	if err != nil {
		return err
	}
	defer func() { _ = held.Close() }()
	if err := HoldHalf(held); err != nil {
		return fmt.Errorf("hold %s: %w", half, err)
	}
	if err := o.write(half, marked); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if there {
		err = os.Rename(filepath.Join(half, memberDir), filepath.Join(o.Dir, memberDir))
	} else {
		err = os.Rename(half, o.Dir)
	}
	return errors.Join(err, syncDir(into))
}

// memberDir is all that etcd has in its directory.
const memberDir = "member"

// vacant reports whether there is an empty directory, and fails where there is anything else.
func vacant(dir string) (there bool, err error) {
	SweepHalves(dir)
	list, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case len(list) > 0:
		return false, fmt.Errorf("%w: it holds %s", ErrNotEmpty, list[0].Name())
	}
	return true, nil
}

// write makes the directory. etcd's own part refuses a directory that is not empty.
func (o RestoreOptions) write(dir string, marked *mvccpb.KeyValue) error {
	log := zapTo(o.Logger)
	err := snapshot.NewV3(log).Restore(snapshot.RestoreConfig{
		SnapshotPath: o.File, OutputDataDir: dir, Name: o.Name, PeerURLs: o.Peers, InitialCluster: o.Cluster,
		InitialClusterToken: o.Token, SkipHashCheck: o.NoHash, RevisionBump: RestoreBump, MarkCompacted: true,
	})
	if err != nil {
		return err
	}
	value, err := proto.Marshal(marked)
	if err != nil {
		return err
	}
	db := backend.NewDefaultBackend(log, filepath.Join(dir, memberDir, "snap", "db"))
	tx := db.BatchTx()
	tx.LockOutsideApply()
	tx.UnsafePut(schema.Key, mvcc.RevToBytes(mvcc.Revision{Main: marked.GetModRevision()}, mvcc.NewRevBytes()), value)
	tx.Unlock()
	db.ForceCommit()
	return db.Close()
}

// restoredMark is the cluster's identity as the restored etcd has it, at a revision.
func restoredMark(kv *mvccpb.KeyValue, revision int64) (*mvccpb.KeyValue, error) {
	c, extra, err := registry.Decode[units.Cluster](string(kv.GetKey()), kv.GetValue())
	if err != nil {
		return nil, err
	}
	c.Restored = true
	value, err := registry.Encode(c, extra)
	if err != nil {
		return nil, err
	}
	version := kv.GetVersion() + 1
	return &mvccpb.KeyValue{
		Key: kv.GetKey(), Value: value, CreateRevision: kv.GetCreateRevision(), ModRevision: revision, Version: version,
	}, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
