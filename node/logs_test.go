package node

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nsched/nsched/units"
)

// held is a journal whose readers stay until the test lets go of them.
type held struct {
	began chan struct{}
	end   chan struct{}
}

func (h held) Read(ctx context.Context, _ LogQuery, each func(LogLine) error) error {
	if err := each(LogLine{Text: "one"}); err != nil {
		return err
	}
	h.began <- struct{}{}
	select {
	case <-h.end:
	case <-ctx.Done():
	}
	return errors.New("the journal broke")
}

func TestTheLogsReadAtOnceAreBoundedAndTheirEndIsTold(t *testing.T) {
	journal := held{began: make(chan struct{}), end: make(chan struct{})}
	server := httptest.NewServer(API{Overview: func() Overview { return Overview{Node: "n1"} }, Journal: journal}.Handler())
	defer server.Close()
	const query = "/v1/logs?unit=default.app.0.1.1&follow=true"
	read := func() (status int, body string) {
		r, err := http.Get(server.URL + query)
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		defer func() { _ = r.Body.Close() }()
		var text strings.Builder
		if err := r.Write(&text); err != nil {
			t.Error(err)
		}
		return r.StatusCode, text.String()
	}
	var all sync.WaitGroup
	for range maxReaders {
		all.Go(func() {
			if _, body := read(); !strings.Contains(body, `"error":"the journal broke"`) || !strings.Contains(body, `"text":"one"`) {
				t.Errorf("a reader got %s", body)
			}
		})
		<-journal.began
	}
	if status, body := read(); status != http.StatusServiceUnavailable || !strings.Contains(body, "try again") {
		t.Errorf("one too many got %d %s", status, body)
	}
	close(journal.end)
	all.Wait()
	all.Go(func() { <-journal.began })
	if status, _ := read(); status != http.StatusOK {
		t.Errorf("after the others left: %d", status)
	}
	all.Wait()
}

func TestWhatJournalctlComplainsOfIsPassedOn(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"it fails":                {"echo 'No journal files were opened: Permission denied' >&2; exit 1", "Permission denied"},
		"it ends while following": {"exit 0", "ended"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "journalctl"), []byte("#!/bin/sh\n"+c.script+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
			id, err := units.ParseUnitID("default.app.0.1.1")
			if err != nil {
				t.Fatal(err)
			}
			err = Journalctl{}.Read(t.Context(), LogQuery{Unit: id, Follow: true}, func(LogLine) error { return nil })
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}
