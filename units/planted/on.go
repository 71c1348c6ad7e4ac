//go:build planted

package planted

import (
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Built says whether mistakes can be turned on in this program.
const Built = true

// Environment names the variable that turns mistakes on, separated by commas, until Plant is called.
const Environment = "NSCHED_PLANTED"

var (
	chosen atomic.Pointer[[]Bug]
	asked  = sync.OnceValue(func() *[]Bug {
		var list []Bug
		for name := range strings.SplitSeq(os.Getenv(Environment), ",") {
			list = append(list, Bug(name))
		}
		return &list
	})
)

// On reports whether a mistake is turned on.
func On(b Bug) bool {
	list := chosen.Load()
	if list == nil {
		list = asked()
	}
	return slices.Contains(*list, b)
}

// Plant turns on exactly these, for the whole process; none turns all off.
func Plant(list ...Bug) {
	list = slices.Clone(list)
	chosen.Store(&list)
}
