package units

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// quoteLimit is how many bytes of somebody's text a message repeats.
const quoteLimit = 80

// quote shows text that anyone may have written on one line: controls are escaped, long text is cut.
func quote(text string) string {
	if len(text) <= quoteLimit {
		return strconv.Quote(text)
	}
	cut := quoteLimit
	for cut > quoteLimit-utf8.UTFMax && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return strconv.Quote(text[:cut]) + "… (" + strconv.Itoa(len(text)) + " bytes)"
}

// quoteKey is quote in ASCII, so that a key that only looks like another is told from it.
func quoteKey(key string) string {
	if len(key) > quoteLimit {
		return strconv.QuoteToASCII(key[:quoteLimit]) + "…"
	}
	return strconv.QuoteToASCII(key)
}

// list joins words as a person would read them: "a, b or c".
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
