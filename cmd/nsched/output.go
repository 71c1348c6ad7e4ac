package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"sigs.k8s.io/yaml"
)

// The formats of output.
const (
	formatTable = "table"
	formatWide  = "wide"
	formatJSON  = "json"
	formatYAML  = "yaml"
)

var formats = []string{formatTable, formatWide, formatJSON, formatYAML}

// table is what people read. Columns that begin with "+" are shown with -o wide alone.
type table struct {
	columns []string
	rows    [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// print writes a value in the chosen format: v for programs, t for people.
func (s *session) print(v any, t table) error {
	switch s.flags.output {
	case formatJSON:
		text, err := encodeJSON(v)
		if err != nil {
			return err
		}
		_, err = s.out.Write(text)
		return err
	case formatYAML:
		text, err := yaml.Marshal(v) // by its JSON names
		if err != nil {
			return fmt.Errorf("write YAML: %w", err)
		}
		_, err = s.out.Write(text)
		return err
	}
	return t.write(s.out, s.flags.output == formatWide)
}

// structured reports whether programs read the output.
func (s *session) structured() bool {
	return s.flags.output == formatJSON || s.flags.output == formatYAML
}

func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	return b.Bytes(), nil
}

func (t table) write(out io.Writer, wide bool) error {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	line := func(cells []string) {
		var shown []string
		for i, cell := range cells {
			if strings.HasPrefix(t.columns[i], "+") && !wide {
				continue
			}
			if cell == "" {
				cell = "-"
			}
			shown = append(shown, plainLine(cell))
		}
		_, _ = fmt.Fprintln(w, strings.Join(shown, "\t"))
	}
	heads := make([]string, len(t.columns))
	for i, c := range t.columns {
		heads[i] = strings.TrimPrefix(c, "+")
	}
	line(heads)
	for _, row := range t.rows {
		line(row)
	}
	_ = w.Flush() // into memory
	for row := range strings.Lines(b.String()) {
		if _, err := io.WriteString(out, strings.TrimRight(row, " \n")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// plainLine is text from the registry or a machine as it may be shown: on one line, nothing in it that
// a terminal obeys.
func plainLine(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0:
			return -1
		}
		return r
	}, text)
}

// plainLines is plainLine that keeps line ends.
func plainLines(text string) string {
	parts := strings.Split(text, "\n")
	for i := range parts {
		parts[i] = plainLine(parts[i])
	}
	return strings.Join(parts, "\n")
}
