package recovery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
	"github.com/nsched/nsched/cmd/nsched-lab/e2e/stage"
	"github.com/nsched/nsched/units/registry"
)

// members is a cluster with three members of etcd.
var members = stage.Lazy{Turn: &turn, Open: func(ctx context.Context) (*stage.Stage, error) {
	s, err := stage.Plan{Cluster: cluster.Options{Members: 3, Schedulers: 2}, Nodes: []string{"n1", "n2"}}.Open(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"s1", "s2"} {
		local, err := s.RunScheduler(ctx, name)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.OnClose(local.Stop)
	}
	return s, nil
}}

// onMembers returns the stage with all nodes ready and somebody who leads.
func onMembers(t *testing.T) *stage.Stage {
	t.Helper()
	s := members.On(t)
	for _, name := range []string{"n1", "n2"} {
		s.Node(t, name)
	}
	stage.Eventually(t, "a scheduler leads", func() error {
		prefix := s.Keys.Under(registry.KindLeader)
		r, err := s.Registry.Range(t.Context(), registry.Range{Key: prefix, End: registry.PrefixEnd(prefix)})
		if err == nil && len(r.KVs) == 0 {
			err = errors.New("nobody leads")
		}
		return err
	})
	return s
}

// etcdctlAt runs etcd's own tool against one member.
func etcdctlAt(t *testing.T, s *stage.Stage, m *cluster.Member, args ...string) string {
	t.Helper()
	out, err := s.EtcdctlAt(t.Context(), "http://"+m.Name+":2379", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAMemberOfEtcdIsReplacedByANewOneAndNobodyNotices(t *testing.T) {
	s := onMembers(t)
	s.Submits(t, s.Wide("moved", 2))
	s.Submits(t, alone(s, "moved-one"))
	before, one := s.Up(t, "moved", 2, "", nil), s.Up(t, "moved-one", 1, "", nil)
	stopLoad := roleOf(t, s, before[0]).Load()
	old, stays := s.Members[2], s.Members[0]
	var list struct {
		Members []struct {
			ID   uint64
			Name string
		}
	}
	if err := json.Unmarshal([]byte(etcdctlAt(t, s, stays, "member", "list", "--write-out=json")), &list); err != nil {
		t.Fatal(err)
	}
	for _, m := range list.Members {
		if m.Name != old.Name {
			continue
		}
		// etcd refuses until its members have been connected for five seconds; one that timed out may be out.
		stage.Eventually(t, "the old member is removed", func() error {
			out, err := s.EtcdctlAt(t.Context(), "http://"+stays.Name+":2379", "member", "remove", fmt.Sprintf("%x", m.ID))
			if err != nil && !strings.Contains(err.Error(), "member not found") {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		})
	}
	// One that was removed ends by itself.
	if err := old.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	const fresh = "fresh"
	peer := fmt.Sprintf("http://%s:2380", old.Address)
	stage.Eventually(t, "the new member is admitted", func() error {
		// etcd may be choosing another leader just then; one that timed out may have been admitted.
		out, err := s.EtcdctlAt(t.Context(), "http://"+stays.Name+":2379", "member", "add", fresh, "--peer-urls="+peer)
		if err != nil && strings.Contains(err.Error(), "Peer URLs already exists") {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	peers := []string{fresh + "=" + peer}
	for _, m := range s.Members[:2] {
		peers = append(peers, fmt.Sprintf("%s=http://%s:2380", m.Name, m.Address))
	}
	// It is a member as long as the lab lives.
	_, err := old.Start(t.Context(), "etcd-fresh.log", s.Part("etcd"),
		"--name="+fresh, "--data-dir=/run/etcd/"+fresh, "--log-level=warn", "--initial-cluster-state=existing",
		"--listen-client-urls=http://0.0.0.0:2379", "--advertise-client-urls=http://"+old.Name+":2379",
		"--listen-peer-urls=http://0.0.0.0:2380", "--initial-advertise-peer-urls="+peer,
		"--initial-cluster="+strings.Join(peers, ","), "--initial-cluster-token="+s.Lab.ID(),
	)
	if err != nil {
		t.Fatal(err)
	}
	stage.Eventually(t, "the new member answers", func() error {
		_, err := s.EtcdctlAt(t.Context(), "http://"+old.Name+":2379", "endpoint", "health")
		return err
	})
	worksFor(t, s, "moved", 2)

	// It counts: without another one, the two that are left go on.
	if err := s.Members[1].Kill(); err != nil {
		t.Fatal(err)
	}
	again := sync.OnceValue(func() error { return s.Members[1].Run(background()) })
	t.Cleanup(func() { _ = again() }) // for the tests that follow, if this one fails
	worksFor(t, s, "moved", 2)
	goesOn(t, s, "moved", before)
	goesOn(t, s, "moved-one", one)
	stopLoad()
	if err := again(); err != nil {
		t.Fatal(err)
	}
	stage.Eventually(t, "all members answer", func() error {
		_, err := s.EtcdctlAt(t.Context(), "http://"+s.Members[1].Name+":2379", "endpoint", "health")
		return err
	})
}

func TestAMinuteWithoutAQuorumStopsOnlyWhatIsBound(t *testing.T) {
	s := onMembers(t)
	s.Submits(t, s.Wide("minute", 2))
	s.Submits(t, alone(s, "minute-one"))
	before := s.Up(t, "minute", 2, "", nil)
	s.Up(t, "minute-one", 1, "", nil)
	one := running(t, s, "minute-one")
	stopLoad := roleOf(t, s, before[0]).Load()
	again := sync.OnceValue(func() error {
		return errors.Join(s.Members[0].Run(background()), s.Members[1].Run(background()))
	})
	t.Cleanup(func() { _ = again() }) // so that what was submitted can be stopped, if this one fails
	gone := time.Now()
	for _, m := range s.Members[:2] {
		if err := m.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	within(t, "the singleton is dead", gone, ended(t, s, one), fence+2*time.Second+slack)
	time.Sleep(time.Until(gone.Add(time.Minute)))
	if err := again(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"n1", "n2"} {
		ready(t, s.Known(name))
	}
	goesOn(t, s, "minute", before)
	worksFor(t, s, "minute", 2)
	goesOn(t, s, "minute", before)
	stopLoad()
	s.Up(t, "minute-one", 1, "", nil)
	neverTwice(t, s, "minute-one")
}
