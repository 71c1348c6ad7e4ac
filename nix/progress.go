package nix

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/nsched/nsched/units"
)

// Progress is how far a fetch has come, in bytes unpacked. Total grows while Nix learns what is missing.
type Progress struct {
	Done, Total int64
}

// logLine is one line of Nix' standard error under --log-format internal-json: an event, or a message.
type logLine struct {
	action  string
	id      uint64
	kind    int64
	numbers []int64
	// subject is the first field if that is text: for a copied path, the path.
	subject string
	message string
}

// The numbers that Nix gives to kinds of activities and results; they have been the same since 2.0.
const (
	activityCopyPath  = 100
	resultProgress    = 105
	resultSetExpected = 106
)

var escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

func parseLogLine(text string) logLine {
	body, ok := strings.CutPrefix(text, "@nix ")
	if !ok {
		return logLine{message: clean(text)}
	}
	var raw struct {
		Action string            `json:"action"`
		ID     uint64            `json:"id"`
		Type   int64             `json:"type"`
		Fields []json.RawMessage `json:"fields"`
		Msg    string            `json:"msg"`
	}
	if json.Unmarshal([]byte(body), &raw) != nil {
		return logLine{message: clean(text)}
	}
	line := logLine{action: raw.Action, id: raw.ID, kind: raw.Type, message: clean(raw.Msg)}
	if len(raw.Fields) > 0 {
		_ = json.Unmarshal(raw.Fields[0], &line.subject)
	}
	if raw.Action != "result" {
		return line
	}
	for _, f := range raw.Fields {
		var n int64
		if json.Unmarshal(f, &n) != nil {
			break
		}
		line.numbers = append(line.numbers, n)
	}
	return line
}

// clean takes colours and what else could disturb a terminal or a log out of a message.
func clean(s string) string {
	s = escapes.ReplaceAllString(s, "")
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

// meter adds up the events of one fetch and tells at most some 200 steps and the end, however many
// events there are: Nix 2.8 sends one for every 8 KiB, and none for what is smaller.
type meter struct {
	tell     func(Progress)
	copied   map[units.StorePath]bool
	done     map[uint64]int64
	expected map[uint64]int64
	now      Progress
	told     Progress
}

func newMeter(tell func(Progress)) *meter {
	return &meter{
		tell: tell, copied: map[units.StorePath]bool{}, done: map[uint64]int64{}, expected: map[uint64]int64{},
	}
}

func (m *meter) event(l logLine) {
	switch {
	case l.action == "start" && l.kind == activityCopyPath:
		m.copied[units.StorePath(l.subject)] = true
		m.done[l.id] = 0
	case l.action == "result" && l.kind == resultProgress && len(l.numbers) > 0:
		before, ok := m.done[l.id]
		if !ok {
			return
		}
		m.now.Done += l.numbers[0] - before
		m.done[l.id] = l.numbers[0]
	case l.action == "result" && l.kind == resultSetExpected && len(l.numbers) > 1 && l.numbers[0] == activityCopyPath:
		m.now.Total += l.numbers[1] - m.expected[l.id]
		m.expected[l.id] = l.numbers[1]
	default:
		return
	}
	step := max(m.now.Total/200, 64<<10)
	if m.now.Total != m.told.Total || m.now.Done-m.told.Done >= step {
		m.report()
	}
}

// finish tells that everything has come.
func (m *meter) finish() {
	m.now.Total = max(m.now.Total, m.now.Done)
	m.now.Done = m.now.Total
	m.report()
}

func (m *meter) report() {
	if m.tell != nil && m.now != m.told {
		m.tell(m.now)
	}
	m.told = m.now
}

// fetched is how many bytes of the closure were copied.
func (m *meter) fetched(c ClosureInfo) int64 {
	var n int64
	for _, p := range c.Paths {
		if m.copied[p.Path] {
			n += p.NarSize
		}
	}
	return n
}
