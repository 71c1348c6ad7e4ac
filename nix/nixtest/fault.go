package nixtest

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// Fault is a way for a cache to misbehave.
type Fault int

const (
	// Healthy serves what is there.
	Healthy Fault = iota
	// Missing answers 404 for every narinfo.
	Missing
	// Broken answers 500 for everything.
	Broken
	// BrokenNarinfo answers 500 for every narinfo, while the cache introduces itself.
	BrokenNarinfo
	// MissingNAR answers 404 for every NAR, whose narinfo is there.
	MissingNAR
	// BrokenNAR answers 500 for every NAR.
	BrokenNAR
	// Hanging sends half of every NAR above 4 KiB and then nothing.
	Hanging
	// Slow sends every NAR at BytesPerSecond.
	Slow
	// Truncated breaks off every NAR in the middle.
	Truncated
	// Corrupt changes a byte in the middle of every NAR: it no longer has the hash that is signed.
	Corrupt
	// Unsigned serves every narinfo without its signatures.
	Unsigned
	// Forged serves every narinfo with signatures that do not verify.
	Forged
	// Nonsense serves a page of HTML for every narinfo, as a captive portal does.
	Nonsense
)

// narinfo applies the fault to the text of a narinfo file.
func (f Fault) narinfo(text []byte) []byte {
	if f == Nonsense {
		return []byte("<!doctype html><title>Please sign in</title>\n")
	}
	if f != Unsigned && f != Forged {
		return text
	}
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "Sig: ") {
			if f == Unsigned {
				continue
			}
			line = forge(line)
		}
		out.WriteString(line)
	}
	return []byte(out.String())
}

// forge changes one bit of a signature and leaves its form.
func forge(line string) string {
	line = strings.TrimSuffix(line, "\n")
	colon := strings.LastIndex(line, ":")
	raw, err := base64.StdEncoding.DecodeString(line[colon+1:])
	if err != nil {
		return line + "\n"
	}
	raw[0] ^= 1
	return line[:colon+1] + base64.StdEncoding.EncodeToString(raw) + "\n"
}

// nar applies the fault to the bytes of a NAR.
func (f Fault) nar(data []byte) []byte {
	if f == Corrupt && len(data) > 0 {
		data = bytes.Clone(data)
		data[len(data)/2] ^= 1
	}
	return data
}
