package node

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

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
	run, end := context.WithCancel(ctx)
	defer end()
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
	cmd := exec.CommandContext(run, "journalctl", args...)
	cmd.WaitDelay = time.Second
	said := &tail{limit: maxSaid}
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	readErr := readEntries(out, q.Unit.String(), each)
	if readErr != nil {
		end() // nobody takes what it has to say
	}
	waitErr := cmd.Wait()
	switch {
	case readErr != nil:
		return readErr
	case ctx.Err() != nil:
		return ctx.Err()
	case waitErr != nil:
		return fmt.Errorf("read the journal: journalctl: %w: %s", waitErr, said)
	case q.Follow:
		return errors.New("read the journal: journalctl ended, though it was to follow")
	}
	return nil
}

// maxSaid is how much of what journalctl complains of is passed on, in bytes.
const maxSaid = 2048

// tail keeps the end of what is written to it.
type tail struct {
	limit int
	text  []byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-t.limit):]
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(strings.ToValidUTF8(string(t.text), "")) }

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
