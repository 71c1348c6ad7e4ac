package sim

import (
	"path/filepath"
	"testing"
)

// Each file is a schedule that once broke a promise, as small as it could be made, with its story.
func TestWhatWasFoundStaysMended(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			s, err := ReadSchedule(file)
			if err != nil {
				t.Fatal(err)
			}
			if s.Story == "" {
				t.Error("it tells no story")
			}
			if _, err := Play(t.Context(), s, NewTrace(nil)); err != nil {
				t.Errorf("%v\n%s", err, s.Story)
			}
		})
	}
}
