package units

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a string. Defects of its characters are reported once per string and do not end the scan.
func (s *scanner) text() (value, bool) {
	v := value{kind: isText}
	start := s.pos
	defect := func(format string, args ...any) {
		if !v.reported {
			s.report(format, args...)
		}
		v.reported = true
	}
	var decoded []byte
	for s.pos++; ; {
		c := s.next()
		switch {
		case s.pos >= len(s.raw):
			s.pos = start
			return s.fail("the string that begins here does not end")
		case c == '"':
			s.pos++
			v.text = string(decoded)
			return v, true
		case c == '\\':
			r, lone, ok := s.escape()
			if !ok {
				return s.fail("%s is no escape; JSON has \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX",
					quote(string(s.raw[s.pos:min(s.pos+6, len(s.raw))])))
			}
			if lone {
				defect("has half of a surrogate pair (\\ud800 to \\udfff alone)")
			}
			decoded = utf8.AppendRune(decoded, r)
		case c < 0x20 || c == 0x7f:
			defect("has a raw control character (0x%02x)", c)
			decoded = append(decoded, c)
			s.pos++
		default:
			r, size := utf8.DecodeRune(s.raw[s.pos:])
			if r == utf8.RuneError && size == 1 {
				defect("has a byte that is not UTF-8 (0x%02x)", c)
			}
			decoded = utf8.AppendRune(decoded, r)
			s.pos += size
		}
	}
}

// escape reads what a backslash begins. On failure the position stays.
func (s *scanner) escape() (r rune, lone, ok bool) {
	rest := s.raw[s.pos:]
	if len(rest) < 2 {
		return 0, false, false
	}
	switch rest[1] {
	case '"', '\\', '/':
		r = rune(rest[1])
	case 'b':
		r = '\b'
	case 'f':
		r = '\f'
	case 'n':
		r = '\n'
	case 'r':
		r = '\r'
	case 't':
		r = '\t'
	case 'u':
		return s.unicodeEscape(rest)
	default:
		return 0, false, false
	}
	s.pos += 2
	return r, false, true
}

func (s *scanner) unicodeEscape(rest []byte) (r rune, lone, ok bool) {
	high, ok := hex4(rest)
	if !ok {
		return 0, false, false
	}
	s.pos += 6
	if !utf16.IsSurrogate(high) {
		return high, false, true
	}
	if low, ok := hex4(rest[6:]); ok {
		if r := utf16.DecodeRune(high, low); r != utf8.RuneError {
			s.pos += 6
			return r, false, true
		}
	}
	return utf8.RuneError, true, true
}

// hex4 reads \uXXXX.
func hex4(text []byte) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	for _, c := range text[2:6] {
		if !isDigit(c) && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return rune(n), err == nil
}

// number reads whatever looks like one; its shape is judged where an integer is due.
func (s *scanner) number() value {
	start := s.pos
	for s.pos < len(s.raw) {
		c := s.raw[s.pos]
		if !isDigit(c) && !isLetter(c) && c != '+' && c != '-' && c != '.' {
			break
		}
		s.pos++
	}
	return value{kind: isNumber, text: string(s.raw[start:s.pos])}
}

// word reads true, false or null.
func (s *scanner) word() (value, bool) {
	start := s.pos
	for isLetter(s.next()) {
		s.pos++
	}
	switch word := string(s.raw[start:s.pos]); word {
	case "true", "false":
		return value{kind: isBool, truth: word == "true"}, true
	case "null":
		return value{kind: isNull}, true
	default:
		s.pos = start
		return s.fail("%s is no value; text stands in double quotes", quote(word))
	}
}

// controlProblem says which control character text has that it may not have; "" if none. NUL never
// may: neither an argument nor a variable can carry it.
func controlProblem(text string, tabAndNewline bool) string {
	for i := range len(text) {
		c := text[i]
		if c >= 0x20 && c != 0x7f || tabAndNewline && (c == '\t' || c == '\n') {
			continue
		}
		return "has a control character (0x" + strconv.FormatUint(uint64(c), 16) + ")"
	}
	return ""
}
