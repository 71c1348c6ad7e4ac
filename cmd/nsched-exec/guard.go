package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// guardTimeout bounds the conversation with the guard, which answers from memory.
const guardTimeout = 3 * time.Second

// answerLimit bounds the guard's line, in bytes.
const answerLimit = 4096

type question struct {
	Op     string `json:"op"`
	Tenure int64  `json:"tenure"`
}

type answer struct {
	OK         bool   `json:"ok"`
	Tenure     int64  `json:"tenure"`
	FreshForMs int64  `json:"freshForMs"`
	Error      string `json:"error"`
}

// confirm asks the guard whether the tenure is its own and fresh, and returns until when that holds.
// That is counted from before the question was sent, so that no delay on the way makes it longer.
//
// The clock stands still while the machine is suspended. The guard ends the units that are bound to it
// when it finds its lease gone after that.
func confirm(socket string, tenure int64) (time.Time, error) {
	asked := time.Now()
	conn, err := net.DialTimeout("unix", socket, guardTimeout)
	if err != nil {
		return time.Time{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(asked.Add(guardTimeout)); err != nil {
		return time.Time{}, err
	}
	line, err := json.Marshal(question{Op: "check", Tenure: tenure})
	if err != nil {
		return time.Time{}, err
	}
	if _, err := conn.Write(append(line, '\n')); err != nil {
		return time.Time{}, fmt.Errorf("ask the guard: %w", err)
	}
	line, err = bufio.NewReader(io.LimitReader(conn, answerLimit)).ReadBytes('\n')
	if err != nil {
		return time.Time{}, fmt.Errorf("hear the guard: %w", err)
	}
	var a answer
	if err := json.Unmarshal(line, &a); err != nil {
		return time.Time{}, fmt.Errorf("hear the guard: %w", err)
	}
	switch {
	case !a.OK:
		return time.Time{}, fmt.Errorf("the guard says no: %q", a.Error)
	case a.Tenure != tenure:
		return time.Time{}, fmt.Errorf("the guard's tenure is %d", a.Tenure)
	case a.FreshForMs <= 0:
		return time.Time{}, errors.New("the guard's tenure is not fresh")
	}
	fresh := min(time.Duration(a.FreshForMs), time.Hour/time.Millisecond) * time.Millisecond
	return asked.Add(fresh), nil
}
