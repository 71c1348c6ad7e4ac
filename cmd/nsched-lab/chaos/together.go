package chaos

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// togetherFor is how long a node that was hit together with others has no power.
const togetherFor = 20 * time.Second

func togetherFaults() []Fault {
	return []Fault{
		{"leader-and-node", DomainAll, "the leading scheduler killed and a node's power cut at once, back 20 s later", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			leads, _, err := s.Leader(ctx)
			if err != nil {
				return nil, err
			}
			n := d.node(s)
			killed := leads.Signal(syscall.SIGKILL)
			blow, err := s.darken(ctx, togetherFor, n)
			blow.Target += " " + leads.Name
			return blow, errors.Join(killed, err)
		}},
		{"leaders-and-node", DomainAll, "the leading scheduler and the leading etcd member killed and a node's power cut at once, back 20 s later", func(ctx context.Context, s *Stage, d *Draw) (*Blow, error) {
			leads, _, err := s.Leader(ctx)
			if err != nil {
				return nil, err
			}
			member, _, err := s.Leading(ctx)
			if err != nil {
				return nil, err
			}
			n := d.node(s)
			killed := errors.Join(leads.Signal(syscall.SIGKILL), member.Kill())
			blow, err := s.darken(ctx, togetherFor, n)
			blow.Target += " " + leads.Name + " " + member.Name
			boot := blow.heal
			blow.heal = func(ctx context.Context) error { return errors.Join(member.Run(ctx), boot(ctx)) }
			return blow, errors.Join(killed, err)
		}},
	}
}
