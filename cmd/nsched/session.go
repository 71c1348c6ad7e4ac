package main

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/term"
)

// session is one run of the program: where it reads and writes, and its global flags.
type session struct {
	in        io.Reader
	out, errs io.Writer
	flags     globals
	// cleanup is run when the verb has ended, the last first.
	cleanup []func()
}

// globals are the flags that every verb has.
type globals struct {
	output    string
	namespace string
	all       bool
	selector  string
	watch     bool
	timeout   time.Duration
	yes       bool

	endpoints          []string
	cacert, cert, key  string
	user, passwordFile string
	prefix             string
	allowInsecure      bool

	logLevel, logFormat string
}

func newSession(in io.Reader, out, errs io.Writer) *session {
	return &session{in: in, out: out, errs: errs}
}

func (s *session) run(ctx context.Context, args []string) int {
	root := s.rootCommand()
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.errs)
	done, err := root.ExecuteContextC(ctx)
	code := exitOK
	if err != nil {
		ctx := done.Context() // the verb's own, which --timeout ends
		code = exitCode(ctx, err)
		s.say(ctx, err, code)
	}
	for i := len(s.cleanup) - 1; i >= 0; i-- {
		s.cleanup[i]()
	}
	return code
}

// onEnd has f called when the verb has ended.
func (s *session) onEnd(f func()) { s.cleanup = append(s.cleanup, f) }

// terminal reports whether w is a terminal.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// colour reports whether w may be written to in colour (no-color.org).
func colour(w io.Writer) bool { return os.Getenv("NO_COLOR") == "" && terminal(w) }

// logger writes to stderr: for people at a terminal, one JSON object a line otherwise.
func (s *session) logger(level, format string) (zerolog.Logger, error) {
	parsed, err := zerolog.ParseLevel(level)
	if err != nil || level == "" {
		return zerolog.Nop(), usage("log level %q is none of trace, debug, info, warn, error", level)
	}
	out := s.errs
	switch format {
	case "console", "auto":
		if format == "console" || terminal(s.errs) {
			out = zerolog.ConsoleWriter{Out: s.errs, NoColor: !colour(s.errs), TimeFormat: time.TimeOnly}
		}
	case "json":
	default:
		return zerolog.Nop(), usage("log format %q is none of auto, json, console", format)
	}
	zerolog.TimeFieldFormat = zerolog.TimeFormatUnixMs
	return zerolog.New(out).Level(parsed).With().Timestamp().Logger(), nil
}
