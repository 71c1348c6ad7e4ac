package main

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/nsched/nsched/node"
	"github.com/nsched/nsched/units"
)

// logPrinter writes log lines: a time, the unit in a colour of its own, the text.
type logPrinter struct {
	mu      sync.Mutex
	session *session
	colour  bool
	width   int
}

func newLogPrinter(s *session) *logPrinter { return &logPrinter{session: s, colour: colour(s.out)} }

// The six colours of terminals that can be told apart on light and dark.
var unitColours = []int{31, 32, 33, 34, 35, 36}

func (p *logPrinter) print(line node.LogLine) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.session.structured() {
		raw, err := json.Marshal(line)
		if err == nil {
			_, _ = fmt.Fprintf(p.session.out, "%s\n", raw)
		}
		return
	}
	name := line.Unit
	if id, err := units.ParseUnitID(line.Unit); err == nil {
		name = unitName(id)
	}
	p.width = max(p.width, len(name))
	label := fmt.Sprintf("%-*s", p.width, plainLine(name))
	if p.colour {
		h := fnv.New32a()
		_, _ = h.Write([]byte(line.Unit))
		label = fmt.Sprintf("\x1b[%dm%s\x1b[0m", unitColours[h.Sum32()%uint32(len(unitColours))], label)
	}
	at := time.UnixMicro(line.TimeMicros).UTC().Format("15:04:05.000")
	_, _ = fmt.Fprintf(p.session.out, "%s %s %s\n", at, label, plainLines(line.Text))
}
