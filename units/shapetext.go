package units

import (
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// noControls is the pattern of text without C0 and DEL; JSON Schema's and Go's regular expressions
// both read it so.
const noControls = `^[^\x00-\x1F\x7F]*$`

// text is the shape of a string.
type text[T ~string] struct {
	problem  func(string) string // what is wrong with it; "" if nothing is
	pattern  string              // for the schema; what problem accepts must match it
	limit    int                 // in characters; 0 is none
	controls bool                // tab and newline are fine
}

func (t text[T]) read(r *reader, v *value, into *T) {
	if !r.is(v, isText, "; write it in double quotes") {
		return
	}
	if problem := controlProblem(v.text, t.controls); problem != "" {
		r.report("%s", problem)
		return
	}
	if n := utf8.RuneCountInString(v.text); t.limit > 0 && n > t.limit {
		r.report("%s is longer than %d characters", quote(v.text), t.limit)
		return
	}
	if t.problem != nil {
		if problem := t.problem(v.text); problem != "" {
			r.report("%s: %s", quote(v.text), problem)
			return
		}
	}
	*into = T(v.text)
}

func (t text[T]) write(from T) tree {
	if from == "" {
		return nil
	}
	return string(from)
}

func (t text[T]) schema() schema {
	s := schema{"type": "string"}
	switch {
	case t.pattern != "":
		s["pattern"] = t.pattern
	case !t.controls:
		s["pattern"] = noControls
	}
	if t.limit > 0 {
		s["maxLength"] = t.limit
	}
	return s
}

// phrase is text that may be empty and is written even so: an argument, a variable's value.
type phrase struct{ text[string] }

func (p phrase) write(from string) tree { return from }

// choice is the shape of one of some words.
type choice[T ~string] []T

func (c choice[T]) read(r *reader, v *value, into *T) {
	if !r.is(v, isText, "; it is one of "+c.words()) {
		return
	}
	if !slices.Contains(c, T(v.text)) {
		r.report("%s is not known here; it is %s", quote(v.text), c.words())
		return
	}
	*into = T(v.text)
}

func (c choice[T]) words() string {
	words := make([]string, len(c))
	for i, w := range c {
		words[i] = string(w)
	}
	return list(words)
}

func (c choice[T]) write(from T) tree { return text[T]{}.write(from) }
func (c choice[T]) schema() schema    { return schema{"type": "string", "enum": []T(c)} }

// spelled is the shape of a number that is written as a string with its unit.
type spelled[T ~int64] struct {
	parse   func(string) (T, error)
	format  func(T) string
	zero    bool // zero may be written
	pattern string
	advice  string
}

func (s spelled[T]) read(r *reader, v *value, into *T) {
	if !r.is(v, isText, s.advice) {
		return
	}
	if problem := controlProblem(v.text, false); problem != "" {
		r.report("%s", problem)
		return
	}
	n, err := s.parse(v.text)
	switch {
	case err != nil:
		r.report("%s", err)
	case n == 0 && !s.zero:
		r.report("%s is too little; it must be above zero", quote(v.text))
	default:
		*into = n
	}
}

func (s spelled[T]) write(from T) tree {
	if from == 0 && !s.zero {
		return nil
	}
	return s.format(from)
}

func (s spelled[T]) schema() schema { return schema{"type": "string", "pattern": s.pattern} }

const (
	decimalPattern  = `\+?([0-9]+\.?[0-9]*|\.[0-9]+)`
	quantityPattern = `^` + decimalPattern + `([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?$`
	durationPattern = `^\+?(0|(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$`
)

var (
	cpuShape = spelled[CPUMilli]{
		parse: ParseCPU, format: CPUMilli.String, pattern: quantityPattern,
		advice: "; write it in double quotes, such as \"500m\"",
	}
	bytesShape = spelled[Bytes]{
		parse: ParseBytes, format: Bytes.String, pattern: quantityPattern,
		advice: "; write it in double quotes, such as \"128Mi\"",
	}
	diskShape     = spelled[Bytes]{parse: ParseBytes, format: Bytes.String, zero: true, pattern: quantityPattern, advice: bytesShape.advice}
	durationShape = spelled[time.Duration]{
		parse: parseDuration, format: formatDuration, pattern: durationPattern,
		advice: "; write it in double quotes, such as \"10s\"",
	}
	delayShape = spelled[time.Duration]{
		parse: parseDuration, format: formatDuration, zero: true, pattern: durationPattern, advice: durationShape.advice,
	}
)

// integer is the shape of a whole number in a closed range.
type integer[T ~int | ~uint16] struct{ min, max int64 }

func (i integer[T]) read(r *reader, v *value, into *T) {
	if !r.is(v, isNumber, "; write it without quotes") {
		return
	}
	n, err := strconv.ParseInt(v.text, 10, 64)
	switch {
	case !plainInteger(v.text):
		r.report("%s is not a plain whole number; write digits only", quote(v.text))
	case err != nil || n < i.min || n > i.max:
		r.report("%s is out of range; it is %d to %d", short(v.text), i.min, i.max)
	default:
		*into = T(n)
	}
}

// schemaVersion is the shape of the document's own version.
type schemaVersion[T ~int] struct{ integer[T] }

func (s schemaVersion[T]) read(r *reader, v *value, into *T) {
	if v.kind == isNumber && plainInteger(v.text) && v.text[0] != '-' && v.text != "0" && len(v.text) < 10 {
		if n, _ := strconv.ParseInt(v.text, 10, 64); n > s.max {
			r.report("%d is newer than this nsched, which knows %d; upgrade it", n, s.max)
			return
		}
	}
	s.integer.read(r, v, into)
}

// short is text that needs no quotes, cut.
func short(text string) string {
	if len(text) > quoteLimit {
		return text[:quoteLimit] + "…"
	}
	return text
}

// plainInteger reports whether text is an integer in its one spelling: no sign on zero, no leading
// zeros, no fraction, no exponent.
func plainInteger(text string) bool {
	digits := text
	if len(text) > 1 && text[0] == '-' {
		digits = text[1:]
		if digits[0] == '0' {
			return false
		}
	}
	for i := range len(digits) {
		if !isDigit(digits[i]) {
			return false
		}
	}
	return digits != "" && (digits[0] != '0' || len(digits) == 1)
}

func (i integer[T]) write(from T) tree {
	if int64(from) < i.min && from == 0 {
		return nil // not set
	}
	return int64(from)
}

func (i integer[T]) schema() schema {
	return schema{"type": "integer", "minimum": i.min, "maximum": i.max}
}

// boolean is the shape of true and false. It is generic, as every shape is that at infers a type from.
type boolean[T ~bool] struct{}

func (boolean[T]) read(r *reader, v *value, into *T) {
	if r.is(v, isBool, "; write true or false without quotes") {
		*into = T(v.truth)
	}
}
func (boolean[T]) write(from T) tree { return bool(from) }
func (boolean[T]) schema() schema    { return schema{"type": "boolean"} }
