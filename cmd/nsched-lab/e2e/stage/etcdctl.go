package stage

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
)

// Part is the path of a program that is built from somebody else's sources: etcd, etcdctl.
func (s *Stage) Part(name string) string { return filepath.Join(s.Programs.Root, "bin/parts", name) }

// Etcdctl runs etcd's own tool inside the lab, against its single etcd.
func (s *Stage) Etcdctl(ctx context.Context, args ...string) (string, error) {
	return s.EtcdctlAt(ctx, cluster.EtcdURL, args...)
}

// EtcdctlAt runs it against another.
func (s *Stage) EtcdctlAt(ctx context.Context, endpoint string, args ...string) (string, error) {
	argv := append([]string{s.Part("etcdctl"), "--endpoints=" + endpoint, "--command-timeout=30s"}, args...)
	out, err := s.Lab.Exec(ctx, argv...)
	if err != nil {
		return out, fmt.Errorf("etcdctl %v: %w", args, err)
	}
	return out, nil
}
