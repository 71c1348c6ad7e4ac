package guard

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
)

// Ask sends one request to the guard's socket. A guard that is stopped answers nothing: the caller's
// context, or answerWithin, ends the wait.
func Ask(ctx context.Context, socket string, r Request) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return Answer{}, fmt.Errorf("ask the guard: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return Answer{}, fmt.Errorf("ask the guard: %w", err)
		}
	}
	// A context that is cancelled early wakes the read below.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(longAgo) })
	defer stop()
	raw, err := json.Marshal(r)
	if err != nil {
		return Answer{}, fmt.Errorf("ask the guard: %w", err)
	}
	if _, err := conn.Write(append(raw, '\n')); err != nil {
		return Answer{}, fmt.Errorf("ask the guard: %w", err)
	}
	line, err := bufio.NewReaderSize(conn, maxLine).ReadSlice('\n')
	if err != nil {
		return Answer{}, fmt.Errorf("ask the guard: %w", err)
	}
	var a Answer
	if err := json.Unmarshal(line, &a); err != nil {
		return Answer{}, fmt.Errorf("decode the guard's answer: %w", err)
	}
	return a, nil
}
