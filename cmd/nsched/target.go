package main

import (
	"errors"
	"strings"

	"github.com/nsched/nsched/units"
)

// namespace is the one that -n names, or else the default one.
func (s *session) namespace() (units.Namespace, error) {
	if s.flags.namespace == "" {
		return units.DefaultNamespace, nil
	}
	ns, err := units.ParseNamespace(s.flags.namespace)
	if err != nil {
		return "", usage("-n: %w", err)
	}
	return ns, nil
}

// appNamed reads APP. A namespace in it and another one in -n contradict each other.
func (s *session) appNamed(text string) (units.AppID, error) {
	ns, err := s.namespace()
	if err != nil {
		return units.AppID{}, err
	}
	app, err := units.ParseAppID(text, ns)
	if err != nil {
		return units.AppID{}, usage("%w", err)
	}
	if s.flags.namespace != "" && app.Namespace != ns {
		return units.AppID{}, usage("%s is in namespace %s, and -n says %s", text, app.Namespace, ns)
	}
	return app, nil
}

// subject is an app, or one slot of it.
type subject struct {
	app  units.AppID
	slot units.Slot // empty: all
}

// has reports whether a unit belongs to the subject.
func (t subject) has(u units.UnitID) bool {
	return u.AppID() == t.app && (t.slot == "" || t.slot == u.Slot)
}

// String is how a person writes it.
func (t subject) String() string {
	if t.slot == "" {
		return t.app.String()
	}
	return t.app.String() + ":" + string(t.slot)
}

// subjectNamed reads APP or UNIT, which is APP:SLOT.
func (s *session) subjectNamed(text string) (subject, error) {
	name, slot, one := strings.Cut(text, ":")
	app, err := s.appNamed(name)
	if err != nil || !one {
		return subject{app: app}, err
	}
	parsed, err := units.ParseSlot(slot)
	if err != nil {
		return subject{}, usage("%s: %w", text, err)
	}
	return subject{app: app, slot: parsed}, nil
}

// unitName is how a person writes a unit: hello:0, or prod/hello:0 outside of the default namespace.
func unitName(u units.UnitID) string { return appName(u.AppID()) + ":" + string(u.Slot) }

func appName(app units.AppID) string {
	if app.Namespace == units.DefaultNamespace {
		return string(app.Name)
	}
	return app.String()
}

// requirement is one term of a selector.
type requirement struct {
	key, value string
	not        bool
	exists     bool // the key alone
}

// selector reads -l: "team=web,tier!=test,canary".
func (s *session) selector() ([]requirement, error) {
	var list []requirement
	if s.flags.selector == "" {
		return nil, nil
	}
	for term := range strings.SplitSeq(s.flags.selector, ",") {
		r := requirement{key: term, exists: true}
		if key, value, ok := strings.Cut(term, "!="); ok {
			r = requirement{key: key, value: value, not: true}
		} else if key, value, ok := strings.Cut(term, "="); ok {
			r = requirement{key: key, value: value}
		}
		if r.key == "" {
			return nil, usage("-l: %w", errors.New("write it like team=web,tier!=test"))
		}
		list = append(list, r)
	}
	return list, nil
}

func selected(labels map[string]string, selector []requirement) bool {
	for _, r := range selector {
		value, there := labels[r.key]
		switch {
		case r.exists && !there, !r.exists && !r.not && (!there || value != r.value), r.not && there && value == r.value:
			return false
		}
	}
	return true
}
