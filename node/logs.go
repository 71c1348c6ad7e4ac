package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/nsched/nsched/units"
)

// LogLine is one line of a unit's journal.
type LogLine struct {
	// Time is the node's wall clock, in microseconds since 1970.
	TimeMicros int64  `json:"time"`
	Text       string `json:"text"`
	PID        int    `json:"pid,omitempty"`
	Priority   int    `json:"priority"` // syslog's, 0 to 7
	Unit       string `json:"unit"`
	Node       string `json:"node,omitempty"`
	// Error is set on the last line of an answer alone: why there are no more, though there may be.
	Error string `json:"error,omitempty"`
}

// Journal reads a unit's log. Lines go to each, the oldest first, until there are no more, ctx ends or
// each fails.
type Journal interface {
	Read(ctx context.Context, q LogQuery, each func(LogLine) error) error
}

// LogQuery says what to read.
type LogQuery struct {
	Unit   units.UnitID
	Lines  int // the last so many; 0 is all
	Follow bool
}

// defaultLines is how much of a log is shown when nobody says how much; maxLines bounds it.
const (
	defaultLines = 100
	maxLines     = 100_000
)

// maxReaders bounds the logs that are read at once, followed ones included: each is a process.
const maxReaders = 64

// readers counts the logs that are being read.
type readers chan struct{}

func newReaders() readers { return make(readers, maxReaders) }

// enter is not ok when there are too many already.
func (r readers) enter() (leave func(), ok bool) {
	select {
	case r <- struct{}{}:
		return func() { <-r }, true
	default:
		return nil, false
	}
}

func (a API) logs(w http.ResponseWriter, r *http.Request, reading readers) {
	q := LogQuery{Lines: defaultLines}
	var err error
	if q.Unit, err = units.ParseUnitID(r.FormValue("unit")); err != nil {
		http.Error(w, "unit: "+err.Error(), http.StatusBadRequest)
		return
	}
	if text := r.FormValue("lines"); text != "" {
		if q.Lines, err = strconv.Atoi(text); err != nil || q.Lines < 0 || q.Lines > maxLines {
			http.Error(w, fmt.Sprintf("lines: %q is not a number from 0 to %d", text, maxLines), http.StatusBadRequest)
			return
		}
	}
	if text := r.FormValue("follow"); text != "" {
		if q.Follow, err = strconv.ParseBool(text); err != nil {
			http.Error(w, fmt.Sprintf("follow: %q is not true or false", text), http.StatusBadRequest)
			return
		}
	}
	leave, ok := reading.enter()
	if !ok {
		http.Error(w, fmt.Sprintf("%d logs are being read on this node, which is as many as it allows; try again later", maxReaders), http.StatusServiceUnavailable)
		return
	}
	defer leave()
	w.Header().Set("Content-Type", "application/jsonl")
	out := json.NewEncoder(w)
	flush := http.NewResponseController(w)
	_ = flush.Flush()
	node := string(a.Overview().Node)
	err = a.Journal.Read(r.Context(), q, func(line LogLine) error {
		line.Node = node
		if err := out.Encode(line); err != nil {
			return err
		}
		return flush.Flush()
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		// The answer has begun, so its status says nothing any more.
		_ = out.Encode(LogLine{Unit: q.Unit.String(), Node: node, Error: err.Error()})
		a.Logger.Debug().Err(err).Str("unit", q.Unit.String()).Msg("log ended early")
	}
}
