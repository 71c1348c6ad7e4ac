package host

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// outputPatience is how long output is still read after a process ended: a descendant may hold the
// other end open for ever.
const outputPatience = 2 * time.Second

// streams connect readers and writers of this process with a process elsewhere.
type streams struct {
	theirs [3]*os.File // handed over
	owned  []*os.File  // those of theirs that were opened here
	ours   []*os.File  // our ends of pipes
	copies sync.WaitGroup
}

// openStreams opens what a command's standard streams need. A command with a log needs none.
func openStreams(c Command) (*streams, error) {
	s := &streams{}
	if c.Detach || c.Log != "" {
		return s, nil
	}
	if err := s.input(c.Stdin); err != nil {
		return s, err
	}
	if err := s.output(1, c.Stdout); err != nil {
		return s, err
	}
	if c.Stderr != nil && sameWriter(c.Stdout, c.Stderr) {
		s.theirs[2] = s.theirs[1] // one pipe keeps the order, and the writer sees one goroutine
		return s, nil
	}
	return s, s.output(2, c.Stderr)
}

func sameWriter(a, b io.Writer) (same bool) {
	defer func() {
		if recover() != nil {
			same = false // a writer of a type that cannot be compared
		}
	}()
	return a == b
}

func (s *streams) input(r io.Reader) error {
	if f, ok := r.(*os.File); ok {
		s.theirs[0] = f
		return nil
	}
	if r == nil {
		return s.null(0, os.O_RDONLY)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("open standard input: %w", err)
	}
	s.theirs[0], s.owned, s.ours = read, append(s.owned, read), append(s.ours, write)
	// Not waited for: a reader such as a terminal may never end. A dead process makes the write fail.
	go func() {
		_, _ = io.Copy(write, r)
		_ = write.Close()
	}()
	return nil
}

func (s *streams) output(i int, w io.Writer) error {
	if f, ok := w.(*os.File); ok {
		s.theirs[i] = f
		return nil
	}
	if w == nil {
		return s.null(i, os.O_WRONLY)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("open standard output: %w", err)
	}
	s.theirs[i], s.owned, s.ours = write, append(s.owned, write), append(s.ours, read)
	s.copies.Go(func() {
		_, _ = io.Copy(w, read)
		_ = read.Close()
	})
	return nil
}

func (s *streams) null(i, flag int) error {
	f, err := os.OpenFile(os.DevNull, flag, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", os.DevNull, err)
	}
	s.theirs[i], s.owned = f, append(s.owned, f)
	return nil
}

// fds are the descriptors to hand over: three or none.
func (s *streams) fds() []int {
	if s.theirs[0] == nil {
		return nil
	}
	return []int{int(s.theirs[0].Fd()), int(s.theirs[1].Fd()), int(s.theirs[2].Fd())}
}

// closeTheirs closes this process's copies of what was handed over.
func (s *streams) closeTheirs() {
	for _, f := range s.owned {
		_ = f.Close()
	}
	s.owned = nil
}

// finish reads output to its end, or for a while, and closes everything.
func (s *streams) finish() {
	timer := time.AfterFunc(outputPatience, s.closeOurs)
	s.copies.Wait()
	timer.Stop()
	s.closeOurs()
}

// abandon closes everything after a failed start.
func (s *streams) abandon() {
	s.closeTheirs()
	s.closeOurs()
	s.copies.Wait()
}

func (s *streams) closeOurs() {
	for _, f := range s.ours {
		_ = f.Close()
	}
}
