package chaos

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/nsched/nsched/cmd/nsched-lab/cluster"
)

// quorumLoss is how long etcd is without a majority.
const quorumLoss = 60 * time.Second

// revokedFor is how long is looked at what comes of lost leases: for longer than a lease, as what is taken back for
// them may be so late.
const revokedFor = 20 * time.Second

func etcdFaults() []Fault {
	return []Fault{
		{"etcd-leader-kill", DomainEtcd, "SIGKILL of the leading etcd member, back 2 to 30 s later", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			leads, _, err := s.Leading(ctx)
			if err != nil {
				return nil, err
			}
			return &Blow{Target: leads.Name, Lasts: d.between(2*time.Second, 30*time.Second), heal: leads.Run}, leads.Kill()
		}},
		{"etcd-member-kill", DomainEtcd, "SIGKILL of another etcd member, back 2 to 30 s later", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			_, others, err := s.Leading(ctx)
			if err != nil {
				return nil, err
			}
			m := others[d.IntN(len(others))]
			return &Blow{Target: m.Name, Lasts: d.between(2*time.Second, 30*time.Second), heal: m.Run}, m.Kill()
		}},
		{"etcd-leader-pause", DomainEtcd, "SIGSTOP of the leading etcd member, 1 to 40 s", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			leads, _, err := s.Leading(ctx)
			if err != nil {
				return nil, err
			}
			return pauseMember(leads, d)
		}},
		{"etcd-member-pause", DomainEtcd, "SIGSTOP of another etcd member, 1 to 40 s", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			_, others, err := s.Leading(ctx)
			if err != nil {
				return nil, err
			}
			return pauseMember(others[d.IntN(len(others))], d)
		}},
		{"etcd-leader-cut", DomainEtcd, "the leading etcd member's cable pulled, 3 to 35 s", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			leads, _, err := s.Leading(ctx)
			if err != nil {
				return nil, err
			}
			return &Blow{Target: leads.Name, Lasts: d.between(shortestCut, longestCut), heal: leads.Join}, leads.Cut(ctx)
		}},
		{"etcd-one-way", DomainEtcd, "what the leading etcd member sends to the others is lost, 3 to 35 s", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			leads, others, err := s.Leading(ctx)
			if err != nil {
				return nil, err
			}
			var drops []cluster.Drop
			for _, m := range others {
				drops = append(drops, cluster.Drop{From: leads.Name, To: m.Name})
			}
			heal := func(ctx context.Context) error { return s.Find(ctx, drops...) }
			return &Blow{Target: leads.Name, Lasts: d.between(shortestCut, longestCut), heal: heal}, s.Lose(ctx, drops...)
		}},
		{"quorum-loss", DomainAll, "two of three etcd members killed, back 60 s later", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			leads, others, err := s.Leading(ctx)
			if err != nil {
				return nil, err
			}
			down := []*cluster.Member{leads, others[d.IntN(len(others))]}
			blow := &Blow{Target: down[0].Name + " " + down[1].Name, Lasts: quorumLoss}
			blow.heal = func(ctx context.Context) error { return errors.Join(down[0].Run(ctx), down[1].Run(ctx)) }
			return blow, errors.Join(down[0].Kill(), down[1].Kill())
		}},
		{"leases-revoked", DomainAll, "all leases revoked at once", func(ctx context.Context, s *Stage, _ *Draw) (*Blow, error) {
			n, err := s.RevokeAll(ctx)
			return &Blow{Target: n, Lasts: revokedFor, heal: nothing, calm: true}, err
		}},
	}
}

func pauseMember(m *cluster.Member, d *Draw) (*Blow, error) {
	heal := func(context.Context) error { return forgiving(m.Signal(syscall.SIGCONT)) }
	return &Blow{Target: m.Name, Lasts: d.between(time.Second, longestPause), heal: heal}, m.Signal(syscall.SIGSTOP)
}

// Leading returns the etcd member that leads, and the others.
func (s *Stage) Leading(ctx context.Context) (leads *cluster.Member, others []*cluster.Member, err error) {
	err = s.until(ctx, "an etcd member leads", func() (err error) { leads, err = s.LeadingMember(ctx); return err })
	if err != nil {
		return nil, nil, err
	}
	for _, m := range s.Members {
		if m != leads {
			others = append(others, m)
		}
	}
	return leads, others, nil
}
