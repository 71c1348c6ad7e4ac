package house

import "sync"

// rules are all rules by the name that planted trees use.
var rules = map[string]func(*Tree) ([]Violation, error){
	"arrows":    plainRule(Arrows),
	"libraries": plainRule(Libraries),
	"shim":      plainRule(Shim),
	"layout":    Layout,
	"text":      Text,
	"purity":    typedRule(func(t *Typed) ([]Violation, error) { return Purity(t), nil }),
	"fakes":     typedRule(func(t *Typed) ([]Violation, error) { return Fakes(t), nil }),
	"steps": typedRule(func(t *Typed) ([]Violation, error) {
		_, found, err := Steps(t)
		return found, err
	}),
}

func plainRule(rule func(*Tree) []Violation) func(*Tree) ([]Violation, error) {
	return func(t *Tree) ([]Violation, error) { return rule(t), nil }
}

func typedRule(rule func(*Typed) ([]Violation, error)) func(*Tree) ([]Violation, error) {
	return func(t *Tree) ([]Violation, error) {
		check := Check
		if own, err := house(); err == nil && t == own {
			check = func(*Tree) (*Typed, error) { return typedHouse() }
		}
		typed, err := check(t)
		if err != nil {
			return nil, err
		}
		return rule(typed)
	}
}

// house is the tree that this package is part of, typedHouse the same type-checked: once for all tests.
var (
	house      = sync.OnceValues(func() (*Tree, error) { return Load("../..") })
	typedHouse = sync.OnceValues(func() (*Typed, error) {
		t, err := house()
		if err != nil {
			return nil, err
		}
		return Check(t)
	})
)
