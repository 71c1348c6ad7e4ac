package house

import (
	"go/types"
	"slices"
	"strings"
)

// mirrored is how many methods a fake must have in common with what it stands in for.
const mirrored = 2

// Fakes reports exported types named Fake… that stand beside nothing they could stand in for: an
// interface of their own package that they fulfil, or a type of it whose methods they have. The lab is
// exempt: what it fakes is somebody else's server.
func Fakes(t *Typed) []Violation {
	var found []Violation
	for _, c := range t.Code {
		if within(c.Dir, "cmd/nsched-lab/...") {
			continue
		}
		var named []*types.TypeName
		for _, name := range c.Types.Scope().Names() {
			if tn, ok := c.Types.Scope().Lookup(name).(*types.TypeName); ok && !tn.IsAlias() {
				named = append(named, tn)
			}
		}
		for _, fake := range named {
			if !isFake(fake) {
				continue
			}
			beside := slices.ContainsFunc(named, func(o *types.TypeName) bool { return !isFake(o) && standsIn(fake, o) })
			if !beside {
				found = append(found, Violation{t.at(fake.Pos()), fake.Name() + " stands in for nothing of its own package"})
			}
		}
	}
	return found
}

func isFake(tn *types.TypeName) bool {
	return strings.HasPrefix(tn.Name(), "Fake") && types.NewMethodSet(types.NewPointer(tn.Type())).Len() > 0
}

// standsIn says that the fake fulfils the interface, or has methods of the type.
func standsIn(fake, real *types.TypeName) bool {
	if i, ok := real.Type().Underlying().(*types.Interface); ok {
		return i.NumMethods() > 0 && types.Implements(types.NewPointer(fake.Type()), i)
	}
	own, common := types.NewMethodSet(types.NewPointer(real.Type())), 0
	for m := range types.NewMethodSet(types.NewPointer(fake.Type())).Methods() {
		if o := own.Lookup(nil, m.Obj().Name()); o != nil && types.Identical(o.Type(), m.Type()) {
			common++
		}
	}
	return common >= mirrored
}
