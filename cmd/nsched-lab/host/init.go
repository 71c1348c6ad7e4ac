package host

import (
	"os"
	"sync/atomic"

	"github.com/nsched/nsched/cmd/nsched-lab/host/holder"
)

var initialised atomic.Bool

// Init must be the first call of main, or of TestMain, of a program that opens labs: the holder is the
// same program started again, and in it Init does not return. Open refuses to work without it.
func Init() {
	if len(os.Args) > 0 && os.Args[0] == holder.Name {
		holder.Main(os.Args)
	}
	initialised.Store(true)
}
