package units

import (
	"strconv"
	"strings"
)

// cronFields are the five fields and what each may hold. Day 7 is Sunday, as 0 is.
var cronFields = []struct {
	name     string
	min, max int
	words    []string // for min, min+1 …
}{
	{"minute", 0, 59, nil},
	{"hour", 0, 23, nil},
	{"day of month", 1, 31, nil},
	{"month", 1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{"day of week", 0, 7, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

// daysOf is how many days each month can have.
var daysOf = [13]int{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// cronProblem says what is wrong with a cron expression of five fields: lists of *, N, N-M, with /STEP.
func cronProblem(text string) string {
	parts := strings.Fields(text)
	if len(parts) != len(cronFields) {
		return "it has " + strconv.Itoa(len(parts)) + " fields, not five: minute, hour, day of month, month, day of week"
	}
	var sets [5]uint64
	for i, part := range parts {
		set, ok := cronSet(part, i)
		if !ok {
			f := cronFields[i]
			return "its " + f.name + " " + quote(part) + " is not *, N, N-M or a list of them, each with /STEP, from " +
				strconv.Itoa(f.min) + " to " + strconv.Itoa(f.max)
		}
		sets[i] = set
	}
	if strings.HasPrefix(parts[4], "*") && !cronHasDay(sets[2], sets[3]) {
		return "it never comes: none of its months has such a day"
	}
	return ""
}

// cronHasDay reports whether one of the months has one of the days.
func cronHasDay(days, months uint64) bool {
	for month := 1; month <= 12; month++ {
		if months&(1<<month) != 0 && days&(1<<(daysOf[month]+1)-1) != 0 {
			return true
		}
	}
	return false
}

func cronSet(part string, field int) (set uint64, ok bool) {
	f := cronFields[field]
	for _, item := range strings.Split(part, ",") {
		span, stepText, stepped := strings.Cut(item, "/")
		step := 1
		if stepped {
			n, ok := smallNumber(stepText)
			if !ok || n < 1 {
				return 0, false
			}
			step = n
		}
		first, last := f.min, f.max
		if span != "*" {
			from, to, ranged := strings.Cut(span, "-")
			if first, ok = cronNumber(from, field); !ok {
				return 0, false
			}
			switch {
			case ranged:
				if last, ok = cronNumber(to, field); !ok || last < first {
					return 0, false
				}
			case !stepped:
				last = first
			}
		}
		for n := first; n <= last; n += step {
			set |= 1 << n
		}
	}
	return set, true
}

func cronNumber(text string, field int) (n int, ok bool) {
	f := cronFields[field]
	for i, word := range f.words {
		if strings.EqualFold(word, text) {
			return f.min + i, true
		}
	}
	n, ok = smallNumber(text)
	return n, ok && f.min <= n && n <= f.max
}

// smallNumber reads up to four digits and nothing else.
func smallNumber(text string) (n int, ok bool) {
	if text == "" || len(text) > 4 {
		return 0, false
	}
	for i := range len(text) {
		if !isDigit(text[i]) {
			return 0, false
		}
		n = 10*n + int(text[i]-'0')
	}
	return n, true
}
