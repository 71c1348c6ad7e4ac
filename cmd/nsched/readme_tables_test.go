package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nsched/nsched/node"
	"github.com/nsched/nsched/scheduler"
	"github.com/nsched/nsched/units"
)

// readmeTables makes the tables that the README has from the program's own.
func readmeTables(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{
		"commands":         commandTable(),
		"flags":            globalFlagTable(),
		"config-node":      configTable(nodeConfig()),
		"config-scheduler": configTable(schedulerConfig()),
		"app":              appTable(t),
		"not-yet":          notYetLine(t),
		"metrics":          metricTable(t),
		"reasons":          reasonTable(t),
	}
}

// markdown is a table as Markdown has it.
func markdown(columns []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(columns)
	b.WriteString("|" + strings.Repeat("---|", len(columns)) + "\n")
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = strings.ReplaceAll(cell, "|", `\|`)
		}
		line(cells)
	}
	return b.String()
}

func commandTable() string {
	var rows [][]string
	eachCommand(newSession(nil, nil, nil).rootCommand(), func(c *cobra.Command) {
		if c.HasSubCommands() && !c.HasParent() || c.Name() == "help" {
			return
		}
		short := c.Short
		if c.Hidden {
			short += " (hidden)"
		}
		full := c.UseLine()
		rows = append(rows, []string{"`" + strings.TrimSuffix(full, " [flags]") + "`", short, flagsOf(c)})
	})
	slices.SortFunc(rows, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	return markdown([]string{"command", "what it does", "flags of its own, and which of `-n -A -l -w -y` it knows"}, rows)
}

func globalFlagTable() string {
	var rows [][]string
	newSession(nil, nil, nil).rootCommand().PersistentFlags().VisitAll(func(f *pflag.Flag) {
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		var from []string
		for _, e := range environment {
			if e.flag == f.Name {
				variable := strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
				from = append(from, "`NSCHED_"+variable+"`")
				if e.etcdctl {
					from = append(from, "`ETCDCTL_"+variable+"`")
				}
			}
		}
		rows = append(rows, []string{name, f.Usage, strings.Join(from, ", ")})
	})
	return markdown([]string{"flag", "meaning", "variable"}, rows)
}

func configTable(kind configKind) string {
	var rows [][]string
	for _, k := range kind.keys {
		fallback := k.defaultText()
		switch {
		case k.says != "":
		case fallback == "":
			fallback = "–"
		default:
			fallback = "`" + fallback + "`"
		}
		flag := ""
		if k.flag != "" {
			flag = "`--" + k.flag + "`"
		}
		rows = append(rows, []string{"`" + k.name + "`", k.kind.String(), fallback, k.doc, flag})
	}
	return markdown([]string{"key", "type", "default", "meaning", "flag"}, rows)
}

// property is what the table needs of a JSON Schema.
type property struct {
	Description string              `json:"description"`
	Default     any                 `json:"default"`
	Enum        []string            `json:"enum"`
	Type        any                 `json:"type"`
	Items       *property           `json:"items"`
	Properties  map[string]property `json:"properties"`
	Required    []string            `json:"required"`
}

func (p property) fallback() string {
	if p.Default == nil {
		return ""
	}
	return " `" + strings.Trim(fmt.Sprint(p.Default), `"`) + "`"
}

// kind says what is due, for people.
func (p property) kind() string {
	switch {
	case len(p.Enum) > 0:
		return strings.Join(p.Enum, ", ")
	case p.Items != nil && p.Items.Properties != nil:
		return "list of objects"
	case p.Items != nil:
		return "list"
	case p.Properties != nil, p.Type == "object":
		return "object"
	case p.Type == "integer":
		return "number"
	case p.Type == "boolean":
		return "true or false"
	}
	return "text"
}

// order is that of the fields in the parser's table, which the schema as a JSON object has lost.
func order(t *testing.T) map[string]int {
	t.Helper()
	at := map[string]int{}
	for i, m := range regexp.MustCompile(`\tat\("([^"]+)"`).FindAllStringSubmatch(readText(t, checkout+"/units/appshape.go"), -1) {
		if _, seen := at[m[1]]; !seen {
			at[m[1]] = i
		}
	}
	return at
}

func appTable(t *testing.T) string {
	t.Helper()
	var schema property
	if err := json.Unmarshal(units.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	place, missing := order(t), notYetFields(t)
	names := sortedKeys(schema.Properties)
	slices.SortStableFunc(names, func(a, b string) int { return place[a] - place[b] })
	var rows [][]string
	for _, name := range names {
		p := schema.Properties[name]
		kind := p.kind() + p.fallback()
		if slices.Contains(schema.Required, name) {
			kind += ", required"
		}
		now := ""
		if slices.Contains(missing, name) {
			now = "not yet"
		}
		about := strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(p.Description)
		rows = append(rows, []string{"`" + name + "`", kind, about + inside(name, p, missing), now})
	}
	return markdown([]string{"field", "type and default", "meaning", ""}, rows)
}

// inside lists the fields of an object, or of the objects of a list.
func inside(name string, p property, missing []string) string {
	if p.Items != nil {
		p = *p.Items
	}
	if len(p.Properties) == 0 {
		return ""
	}
	var list []string
	for _, field := range sortedKeys(p.Properties) {
		text := "`" + field + "`" + p.Properties[field].fallback()
		if slices.Contains(missing, name+"."+field) {
			text += " (not yet)"
		}
		if deeper := inside(name+"."+field, p.Properties[field], missing); deeper != "" {
			text += " [" + strings.TrimSuffix(strings.TrimPrefix(deeper, " Fields: "), ".") + "]"
		}
		list = append(list, text)
	}
	return " Fields: " + strings.Join(list, ", ") + "."
}

var gapLine = regexp.MustCompile(`\{field: "([^"]+)"(?:, value: string\((\w+)\))?\}`)

// notYetFields are the fields that have no behaviour yet, whatever their value.
func notYetFields(t *testing.T) []string {
	t.Helper()
	var fields []string
	for _, m := range gapLine.FindAllStringSubmatch(readText(t, checkout+"/units/notyet.go"), -1) {
		if m[2] == "" {
			fields = append(fields, m[1])
		}
	}
	return fields
}

// notYetLine names them in one sentence, with the single values that are refused too.
func notYetLine(t *testing.T) string {
	t.Helper()
	values := map[string]string{"TypeBatch": string(units.TypeBatch), "ProviderRFC2136": string(units.ProviderRFC2136), "ProviderCloudflare": string(units.ProviderCloudflare)}
	var list []string
	for _, m := range gapLine.FindAllStringSubmatch(readText(t, checkout+"/units/notyet.go"), -1) {
		text := "`" + m[1] + "`"
		if m[2] != "" {
			value, known := values[m[2]]
			if !known {
				t.Fatalf("say here what %s is", m[2])
			}
			text = "`" + m[1] + ": " + value + "`"
		}
		list = append(list, text)
	}
	if len(list) == 0 {
		t.Fatal("nothing was found in units/notyet.go")
	}
	return strings.Join(list, ", ") + ".\n"
}

func metricTable(t *testing.T) string {
	t.Helper()
	var rows [][]string
	for _, api := range []http.Handler{
		node.API{Overview: func() node.Overview { return node.Overview{} }, Logger: zerolog.Nop()}.Handler(),
		scheduler.API{Overview: func() scheduler.Overview { return scheduler.Overview{} }, Logger: zerolog.Nop()}.Handler(),
	} {
		answer := httptest.NewRecorder()
		api.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		kinds := map[string]string{}
		for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`).FindAllStringSubmatch(answer.Body.String(), -1) {
			kinds[m[1]] = m[2]
		}
		for _, m := range regexp.MustCompile(`(?m)^# HELP (\S+) (.*)$`).FindAllStringSubmatch(answer.Body.String(), -1) {
			rows = append(rows, []string{"`" + m[1] + "`", kinds[m[1]], m[2]})
		}
	}
	if len(rows) < 10 {
		t.Fatalf("only %d metrics were found", len(rows))
	}
	return markdown([]string{"metric", "kind", "meaning"}, rows)
}

var reasonLine = regexp.MustCompile(`(?m)^\tReason\w+ += "([a-z-]+)" +// (.*)$`)

func reasonTable(t *testing.T) string {
	t.Helper()
	var rows [][]string
	for _, m := range reasonLine.FindAllStringSubmatch(readText(t, checkout+"/units/reason.go"), -1) {
		rows = append(rows, []string{"`" + m[1] + "`", m[2]})
	}
	if len(rows) < 40 {
		t.Fatalf("only %d reasons were found", len(rows))
	}
	return markdown([]string{"reason", "why"}, rows)
}
