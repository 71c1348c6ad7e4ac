package main

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/nsched/nsched/nix"
	"github.com/nsched/nsched/node/systemd"
	"github.com/nsched/nsched/scheduler"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
	"github.com/nsched/nsched/units/registry/embedded"
)

// sentinels are those that can reach a person: on the terminal, in a unit's reason, in a daemon's log.
var sentinels = map[string]error{
	"units.ErrName": units.ErrName, "units.ErrUnitID": units.ErrUnitID, "units.ErrAppID": units.ErrAppID,
	"units.ErrStorePath": units.ErrStorePath, "units.ErrQuantity": units.ErrQuantity, "units.ErrDuration": units.ErrDuration,
	"units.ErrState": units.ErrState, "units.ErrDesired": units.ErrDesired, "units.ErrVariable": units.ErrVariable,
	"units.ErrVersion": units.ErrVersion, "units.ErrInvalid": units.ErrInvalid,

	"registry.ErrUnknownOutcome": registry.ErrUnknownOutcome, "registry.ErrUnavailable": registry.ErrUnavailable,
	"registry.ErrCompacted": registry.ErrCompacted, "registry.ErrFutureRevision": registry.ErrFutureRevision,
	"registry.ErrLeaseNotFound": registry.ErrLeaseNotFound, "registry.ErrRefused": registry.ErrRefused,
	"registry.ErrNoSpace": registry.ErrNoSpace, "registry.ErrPermission": registry.ErrPermission,
	"registry.ErrClosed": registry.ErrClosed, "registry.ErrKey": registry.ErrKey,
	"registry.ErrUndecodable": registry.ErrUndecodable, "registry.ErrStaleView": registry.ErrStaleView,
	"registry.ErrNoTerm": registry.ErrNoTerm, "registry.ErrRegressed": registry.ErrRegressed,
	"registry.ErrSnapshot": registry.ErrSnapshot,
	"embedded.ErrInUse":    embedded.ErrInUse, "embedded.ErrNotEmpty": embedded.ErrNotEmpty,

	"nix.ErrNotFound": nix.ErrNotFound, "nix.ErrUnsigned": nix.ErrUnsigned, "nix.ErrBadSignature": nix.ErrBadSignature,
	"nix.ErrNoTrustedKey": nix.ErrNoTrustedKey, "nix.ErrFetch": nix.ErrFetch, "nix.ErrDiskFull": nix.ErrDiskFull,
	"nix.ErrDamaged": nix.ErrDamaged, "nix.ErrAbsent": nix.ErrAbsent, "nix.ErrNoExecutable": nix.ErrNoExecutable,
	"nix.ErrForeignRoot": nix.ErrForeignRoot, "nix.ErrRoot": nix.ErrRoot, "nix.ErrNoNix": nix.ErrNoNix,
	"nix.ErrNix": nix.ErrNix, "nix.ErrInvalid": nix.ErrInvalid, "nix.ErrRetry": nix.ErrRetry, "nix.ErrPermanent": nix.ErrPermanent,

	"systemd.ErrUnavailable": systemd.ErrUnavailable, "systemd.ErrExists": systemd.ErrExists,
	"systemd.ErrNotFound": systemd.ErrNotFound, "systemd.ErrRefused": systemd.ErrRefused,
	"systemd.ErrInvalid": systemd.ErrInvalid, "systemd.ErrProtocol": systemd.ErrProtocol,

	"scheduler.ErrNotLeading": scheduler.ErrNotLeading,
}

// wordless are sentinels that say how to behave and are never shown.
var wordless = map[string]bool{"nix.ErrRetry": true, "nix.ErrPermanent": true}

var sentinelLine = regexp.MustCompile(`(?m)^(?:\t|var )(Err[A-Z]\w*) += errors\.New\(`)

func TestReadmeKnowsEverySentinel(t *testing.T) {
	found := map[string]bool{}
	for _, dir := range []string{"units", "units/registry", "units/registry/embedded", "nix", "scheduler", "node/systemd"} {
		files, err := filepath.Glob(filepath.Join(checkout, dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			for _, m := range sentinelLine.FindAllStringSubmatch(readText(t, file), -1) {
				found[filepath.Base(dir)+"."+m[1]] = true
			}
		}
	}
	for name := range found {
		if sentinels[name] == nil {
			t.Errorf("%s is new: name it here, and tell its cause and remedy in the README", name)
		}
	}
	for name := range sentinels {
		if !found[name] {
			t.Errorf("%s is in no errors.go", name)
		}
	}
}

// errorRows are the rows of a table below a heading, cell by cell.
func errorRows(t *testing.T, heading string, columns int) [][]string {
	t.Helper()
	var rows [][]string
	for line := range strings.Lines(section(t, heading)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if len(cells) != columns {
			t.Fatalf("%d cells, want %d: %s", len(cells), columns, line)
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	if len(rows) < 3 {
		t.Fatalf("%s has no table", heading)
	}
	return rows[2:]
}

// TestReadmeErrorCatalogue checks each row: its sentinel exists, the message is the sentinel's, there is a
// cause and a remedy, and the exit code is the one that the program ends with when it meets the error
// outside of a verb that knows better.
func TestReadmeErrorCatalogue(t *testing.T) {
	rows := map[string]bool{}
	for _, cells := range errorRows(t, "### Errors with a name", 5) {
		message, name, cause, remedy, code := cells[0], strings.Trim(cells[1], "`"), cells[2], cells[3], cells[4]
		err := sentinels[name]
		if err == nil {
			t.Errorf("there is no %s", name)
			continue
		}
		rows[name] = true
		if !strings.Contains(message, err.Error()) {
			t.Errorf("%s says %q, not %q", name, err, message)
		}
		if cause == "" || remedy == "" {
			t.Errorf("%s has no cause or no remedy", name)
		}
		if strings.HasPrefix(name, "registry.") && code != "–" {
			if got := strconv.Itoa(exitCode(context.Background(), fmt.Errorf("do it: %w", err))); got != code {
				t.Errorf("%s ends with %s, not %s", name, got, code)
			}
		}
	}
	for name := range sentinels {
		if !rows[name] && !wordless[name] {
			t.Errorf("the catalogue lacks %s", name)
		}
	}
}

// TestReadmeMessagesAreSaid checks the messages that have no sentinel: the program's sources hold every
// part between the dots.
func TestReadmeMessagesAreSaid(t *testing.T) {
	var sources strings.Builder
	for _, dir := range []string{"cmd/nsched", "units", "units/registry", "scheduler", "scheduler/placement", "node", "node/guard"} {
		files, err := filepath.Glob(filepath.Join(checkout, dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				sources.WriteString(readText(t, file))
			}
		}
	}
	all := sources.String()
	for _, cells := range errorRows(t, "### Other messages", 4) {
		message := strings.Trim(cells[0], "`")
		for part := range strings.SplitSeq(message, "…") {
			if part = strings.TrimSpace(part); part != "" && !strings.Contains(all, part) {
				t.Errorf("nothing says %q of %q", part, message)
			}
		}
	}
}
