package main

import (
	"time"

	"github.com/nsched/nsched/units/registry"
)

// etcdAccess is how to reach a registry, from flags or from a configuration.
type etcdAccess struct {
	endpoints              []string
	files                  registry.TLSFiles
	username, passwordFile string
	prefix                 string
	allowInsecure          bool
	patience               time.Duration
}

// verbPatience is how long a verb waits for an etcd that is there and cannot serve it now: it takes one or two
// seconds to elect a leader. Daemons try again by themselves.
const verbPatience = 5 * time.Second

func (c config) etcd() etcdAccess {
	return etcdAccess{
		endpoints: c.list("etcd.endpoints"),
		files:     registry.TLSFiles{CA: c.text("etcd.cacert"), Cert: c.text("etcd.cert"), Key: c.text("etcd.key")},
		username:  c.text("etcd.username"), passwordFile: c.text("etcd.passwordFile"),
		prefix: c.text("etcd.prefix"), allowInsecure: c.truth("etcd.allowInsecure"),
	}
}

// defaultEndpoint is where etcd is when nobody says.
const defaultEndpoint = "http://127.0.0.1:2379"

func (g globals) etcd() etcdAccess {
	a := etcdAccess{
		endpoints: g.endpoints,
		files:     registry.TLSFiles{CA: g.cacert, Cert: g.cert, Key: g.key},
		username:  g.user, passwordFile: g.passwordFile,
		prefix: g.prefix, allowInsecure: g.allowInsecure,
	}
	if len(a.endpoints) == 0 {
		a.endpoints = []string{defaultEndpoint}
	}
	return a
}

// open returns the registry's keys and its back end, which connects when it is first used.
func (a etcdAccess) open() (registry.Keys, *registry.Etcd, error) {
	keys, err := registry.NewKeys(a.prefix)
	if err != nil {
		return registry.Keys{}, nil, usage("%w", err)
	}
	o := registry.EtcdOptions{
		Endpoints: a.endpoints, Files: a.files, Username: a.username, PasswordFile: a.passwordFile,
		AllowInsecure: a.allowInsecure, Patience: a.patience,
	}
	kv, err := registry.NewEtcd(o)
	if err != nil {
		return registry.Keys{}, nil, usage("%w", err)
	}
	return keys, kv, nil
}

// cluster is the registry as the verbs use it.
type cluster struct {
	registry.KV
	keys registry.Keys
}

// connect opens the registry that the flags name, for as long as the verb runs.
func (s *session) connect() (cluster, error) {
	access := s.flags.etcd()
	access.patience = verbPatience
	keys, kv, err := access.open()
	if err != nil {
		return cluster{}, err
	}
	s.onEnd(func() { _ = kv.Close() })
	return cluster{KV: kv, keys: keys}, nil
}
