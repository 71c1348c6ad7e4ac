package node

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strconv"
	"time"

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

func (a API) logs(w http.ResponseWriter, r *http.Request) {
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
		a.Logger.Debug().Err(err).Str("unit", q.Unit.String()).Msg("log ended early")
	}
}

// Journalctl reads the machine's journal with journalctl(1).
type Journalctl struct{}

// journalEntry is what is used of systemd.journal-fields(7). A message that is not UTF-8 comes as a
// list of bytes.
type journalEntry struct {
	Realtime string          `json:"__REALTIME_TIMESTAMP"`
	Message  json.RawMessage `json:"MESSAGE"`
	PID      string          `json:"_PID"`
	Priority string          `json:"PRIORITY"`
}

// maxEntry bounds one line of journalctl's; journald cuts messages at 48 KiB by default, escapes and
// fields come on top.
const maxEntry = 4 << 20

// Read implements Journal.
func (Journalctl) Read(ctx context.Context, q LogQuery, each func(LogLine) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	args := []string{
		"--output=json", "--no-pager", "--all", "--quiet",
		// Without it --follow implies the present boot, by an id that is another one inside the daemon's sandbox
		// when the machine is a container: then there is never a line. A log also goes on over a reboot. No
		// journal of another machine has a unit of this id.
		"--merge",
		"--output-fields=MESSAGE,_PID,PRIORITY", "--unit=" + q.Unit.ServiceName(),
	}
	if q.Lines > 0 {
		args = append(args, "--lines="+strconv.Itoa(q.Lines))
	}
	if q.Follow {
		args = append(args, "--follow")
	}
	cmd := exec.CommandContext(ctx, "journalctl", args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	readErr := readEntries(out, q.Unit.String(), each)
	cancel()
	waitErr := cmd.Wait()
	switch {
	case readErr != nil:
		return readErr
	case ctx.Err() != nil:
		return nil
	case waitErr != nil:
		return fmt.Errorf("read the journal: %w", waitErr)
	}
	return nil
}

func readEntries(r io.Reader, unit string, each func(LogLine) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxEntry)
	for lines.Scan() {
		var e journalEntry
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue // one entry that cannot be read hides no other
		}
		if err := each(e.line(unit)); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	return nil
}

func (e journalEntry) line(unit string) LogLine {
	l := LogLine{Unit: unit}
	l.TimeMicros, _ = strconv.ParseInt(e.Realtime, 10, 64)
	l.PID, _ = strconv.Atoi(e.PID)
	l.Priority, _ = strconv.Atoi(e.Priority)
	var raw []byte
	var numbers []int
	switch {
	case json.Unmarshal(e.Message, &l.Text) == nil:
	case json.Unmarshal(e.Message, &numbers) == nil:
		for _, n := range numbers {
			raw = append(raw, byte(n))
		}
		l.Text = string(raw)
	}
	return l
}
