//go:build planted

package planted

import (
	"slices"
	"sync/atomic"
)

// Built says whether mistakes can be turned on in this program.
const Built = true

var planted atomic.Pointer[[]Bug]

// On reports whether a mistake is turned on.
func On(b Bug) bool {
	list := planted.Load()
	return list != nil && slices.Contains(*list, b)
}

// Plant turns on exactly these, for the whole process; none turns all off.
func Plant(list ...Bug) {
	list = slices.Clone(list)
	planted.Store(&list)
}
