package figures

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Begin and End enclose the figures in the README.
const (
	Begin = "<!-- figures:begin -->"
	End   = "<!-- figures:end -->"
)

var errMarkers = errors.New("it has no markers " + Begin + " and " + End + " around a section for the figures")

// Section returns what is between the markers of a README.
func Section(readme string) (string, error) {
	_, rest, ok := strings.Cut(readme, Begin+"\n")
	section, _, closed := strings.Cut(rest, End)
	if !ok || !closed {
		return "", fmt.Errorf("read the README: %w", errMarkers)
	}
	return section, nil
}

// Insert puts the figures between the markers of a README.
func Insert(readme string, list []Summary) (string, error) {
	old, err := Section(readme)
	if err != nil {
		return "", err
	}
	return strings.Replace(readme, Begin+"\n"+old+End, Begin+"\n"+Markdown(list)+End, 1), nil
}

// WriteReadme puts the figures between the markers of a README's file.
func WriteReadme(name string, list []Summary) error {
	info, err := os.Stat(name)
	if err != nil {
		return fmt.Errorf("write the README: %w", err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("write the README: %w", err)
	}
	next, err := Insert(string(text), list)
	if err != nil {
		return err
	}
	return os.WriteFile(name, []byte(next), info.Mode().Perm())
}
