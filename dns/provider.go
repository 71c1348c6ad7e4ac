package dns

import (
	"context"
	"time"

	"github.com/nsched/nsched/dns/diff"
)

// Provider serves the records of zones outside the cluster. List and Apply are called from tasks, one at
// a time for each zone. They do not repeat what fails: the syncer does, and counts.
type Provider interface {
	// Zones returns the names of the zones that it may change, written as diff.Key has names.
	Zones() []string
	// Shape returns the record as List would return it once it was created: with a TTL that the provider
	// takes, for instance. The error says why the provider cannot have it.
	Shape(r diff.Record) (diff.Record, error)
	// Limit is how many changes Apply takes at once, at least 1.
	Limit() int
	// List returns every record of the zone, those of others too, or an error: never a part. The error
	// may be a *Failure.
	List(ctx context.Context, zone string) ([]diff.Existing, error)
	// Apply makes the changes, deletes before updates before creates, and says of each what became of it,
	// in their order. A provider that can makes them all or none.
	Apply(ctx context.Context, zone string, changes []diff.Change) []Outcome
}

// Outcome is what became of one change.
type Outcome struct {
	State OutcomeState
	Err   error // of all but Applied; may be a *Failure
}

// OutcomeState says whether a change was made.
type OutcomeState int

// The states of an outcome.
const (
	// Unknown: it may have been made, or be made later.
	Unknown OutcomeState = iota
	// Applied: it was made.
	Applied
	// Refused: it was not made, and never will be as it is; or the transaction that it was in was refused.
	Refused
	// NotSent: it was not made, for a reason that is not its own. Try again.
	NotSent
)

// String names the state.
func (s OutcomeState) String() string {
	return [...]string{"unknown", "applied", "refused", "not sent"}[s]
}

// Failure is an error with a code for people, and a time before which trying again is of no use.
type Failure struct {
	Code  string
	After time.Duration // from now; 0 leaves it to the syncer
	Err   error
}

// Error implements error.
func (f *Failure) Error() string { return f.Code + ": " + f.Err.Error() }

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Codes of failures, besides those of providers.
const (
	ReasonUnreachable = "dns-unreachable" // no answer came
	ReasonBudget      = "dns-budget"      // the rate budget is used up for now
	ReasonRefused     = "dns-refused"     // the provider refused the change
	ReasonCredential  = "dns-credential"  // the token is missing, or not good for this
	ReasonRateLimited = "dns-rate-limited"
	ReasonPartialRead = "dns-partial-read" // the zone changed while it was read, or pages were missing
	ReasonBadAnswer   = "dns-bad-answer"   // the provider answered what cannot be read
	ReasonNoProvider  = "dns-no-provider"  // the scheduler is not configured for the provider
	ReasonNoCluster   = "dns-no-cluster"   // the cluster's id is not known yet
)
