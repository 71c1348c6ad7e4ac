package sim

import "fmt"

// Promise names what a run is judged by.
type Promise string

// The promises. Each is checked after every event, against etcd's own content and the machines'
// processes.
const (
	OneOfASingleton    Promise = "one of a singleton"    // at most one process of each singleton, on all machines together
	FencedInTime       Promise = "fenced in time"        // what is bound to a tenure runs in it alone, and ends with the guard's word
	TokensRise         Promise = "tokens rise"           // fence tokens and terms
	FencedWrites       Promise = "fenced writes"         // a scheduler's write is applied only while it may write
	Capacity           Promise = "capacity"              // nothing is given twice, nor more than there is
	AttemptsOnce       Promise = "attempts once"         // no attempt is given out twice, no word taken back
	SilenceStopsNone   Promise = "silence stops none"    // a unit is stopped on somebody's word alone
	Pinned             Promise = "pinned"                // what runs is in the store and pinned, from its start to its end
	BoundedWrites      Promise = "bounded writes"        // reports and summaries
	BackedOff          Promise = "backed off"            // a new attempt waits as long as the failures before it demand
	EvictedRightly     Promise = "evicted rightly"       // what was assigned to a lost node, and on record
	LostAfter          Promise = "lost after"            // not before the app allows it
	Grace              Promise = "grace"                 // a new leader waits for those who vanished while nobody led
	Brake              Promise = "brake"                 // no eviction while too many are lost
	WordOfThisLife     Promise = "word of this life"     // a status about an earlier life of an assignment moves nothing
	StatesInOrder      Promise = "states in order"       // of a unit's life, as its node tells it
	AddressesOfTheLive Promise = "addresses of the live" // an endpoint is of something that ran there
	RestoreHeld        Promise = "restore held"          // nobody decides on a restored etcd before a person has looked
	Convergence        Promise = "convergence"           // everything is as wanted some time after the last fault
	Sound              Promise = "sound"                 // keys and values keep their form and limits
)

// Broken is a promise that was not kept.
type Broken struct {
	Promise Promise
	What    string
}

// Error implements error.
func (b *Broken) Error() string { return b.What }

func broken(p Promise, format string, args ...any) *Broken {
	return &Broken{Promise: p, What: fmt.Sprintf(format, args...)}
}
