package guard

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/nsched/nsched/units"
)

// Request is one line to the guard's socket.
//
//	{"op":"check","tenure":N}     is N this node's tenure, and fresh? Anyone may ask.
//	{"op":"state"}                everything the guard tells of itself. Anyone may ask.
//	{"op":"upgrade","binary":P}   become P by execve. Only root and its own user may ask.
type Request struct {
	Op     string `json:"op"`
	Tenure int64  `json:"tenure,omitempty"`
	Binary string `json:"binary,omitempty"`
}

// Answer is the line that comes back. FreshForMs is how much longer the tenure is fresh, in
// milliseconds, as the guard saw it when it answered.
type Answer struct {
	OK         bool   `json:"ok"`
	Tenure     int64  `json:"tenure,omitempty"`
	FreshForMs int64  `json:"freshForMs,omitempty"`
	State      *State `json:"state,omitempty"`
	Version    string `json:"version,omitempty"`
	PID        int    `json:"pid,omitempty"`
	// BeganBootNs is the boot time at which this program began. An execve keeps the PID and changes it.
	BeganBootNs int64  `json:"beganBootNs,omitempty"`
	Error       string `json:"error,omitempty"`
}

const (
	// answerWithin bounds a conversation, so that a client that says nothing holds nothing.
	answerWithin = 5 * time.Second
	// maxClients bounds the conversations held at once; further ones wait in the listen queue.
	maxClients = 256
	maxLine    = 64 << 10
	// acceptAgain is the pause after a client could not be accepted.
	acceptAgain = 100 * time.Millisecond
)

// The deadlines of a listener: none, and one that has passed.
var (
	noDeadline = time.Time{}
	longAgo    = time.Unix(1, 0)
)

// Server answers on the guard's socket. It only reads what the guard has published, so it answers
// truly however long the guard itself is held up.
type Server struct {
	State   func() State
	Now     func() units.Instant
	Version string
	PID     int
	Began   time.Duration // boot time
	// Upgrade is told the binary to become; nil refuses.
	Upgrade func(binary string) error
	Logger  zerolog.Logger
}

// Serve answers until ctx ends or the listener is closed. A guard that runs out of descriptors answers again when
// it has some: ending it would end its singletons.
func (s *Server) Serve(ctx context.Context, l *net.UnixListener) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxClients + 2)
	group.Go(func() error {
		<-ctx.Done()
		// A deadline, not Close: the listener is handed on to the next process in an upgrade.
		return l.SetDeadline(longAgo)
	})
	group.Go(func() error {
		for {
			conn, err := l.AcceptUnix()
			if err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if errors.Is(err, net.ErrClosed) {
					return fmt.Errorf("accept on the guard's socket: %w", err)
				}
				s.Logger.Error().Err(err).Msg("guard's socket could not accept a client; it tries again")
				pause := time.NewTimer(acceptAgain)
				select {
				case <-ctx.Done():
					pause.Stop()
				case <-pause.C:
				}
				continue
			}
			group.Go(func() error {
				s.serve(ctx, conn)
				return nil
			})
		}
	})
	if err := group.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (s *Server) serve(ctx context.Context, conn *net.UnixConn) {
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return
	}
	// Nobody renews the lease while an upgrade waits for a client that says nothing. Answers still go out.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(longAgo) })
	defer stop()
	line, err := bufio.NewReaderSize(conn, maxLine).ReadSlice('\n')
	if err != nil {
		return
	}
	var r Request
	answer := Answer{Error: "the request is not one line of JSON"}
	if json.Unmarshal(line, &r) == nil {
		answer = s.answer(conn, r)
	}
	raw, err := json.Marshal(answer)
	if err != nil {
		return
	}
	if _, err := conn.Write(append(raw, '\n')); err != nil {
		s.Logger.Debug().Err(err).Msg("guard's client went away")
	}
}

func (s *Server) answer(conn *net.UnixConn, r Request) Answer {
	st, now := s.State(), s.Now()
	a := Answer{Tenure: st.Tenure, Version: s.Version, PID: s.PID, BeganBootNs: int64(s.Began)}
	if st.Fresh(st.Tenure, now.Boot) {
		a.FreshForMs = (st.FreshUntil - now.Boot).Milliseconds()
	}
	switch r.Op {
	case "check":
		a.OK = st.Fresh(r.Tenure, now.Boot)
		if !a.OK {
			a.Error = fmt.Sprintf("tenure %d is not this node's own and fresh", r.Tenure)
		}
	case "state":
		a.OK, a.State = true, &st
	case "upgrade":
		if err := s.upgrade(conn, r.Binary); err != nil {
			a.Error = err.Error()
			return a
		}
		a.OK = true
	default:
		a.Error = fmt.Sprintf("unknown op %q; there are check, state and upgrade", r.Op)
	}
	return a
}

func (s *Server) upgrade(conn *net.UnixConn, binary string) error {
	uid, err := peerUID(conn)
	switch {
	case err != nil:
		return err
	case uid != 0 && int(uid) != os.Getuid():
		// Its own user could replace it by other means in any case.
		return fmt.Errorf("only root may upgrade the guard, not uid %d", uid)
	case s.Upgrade == nil:
		return errors.New("this guard cannot be upgraded in place")
	}
	return s.Upgrade(binary)
}

func peerUID(conn *net.UnixConn) (uint32, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("look at the guard's client: %w", err)
	}
	var cred *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return 0, fmt.Errorf("look at the guard's client: %w", err)
	}
	if credErr != nil {
		return 0, fmt.Errorf("look at the guard's client: %w", credErr)
	}
	return cred.Uid, nil
}
