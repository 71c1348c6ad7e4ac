package coredns

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/nsched/nsched/dns/diff"
	"github.com/nsched/nsched/units"
)

// Held is one key below skydns/ as it is now.
type Held struct {
	Path        string // behind skydns/
	Value       []byte
	ModRevision int64
}

// Input is what the keys should be, and what they are.
type Input struct {
	// Want are the records of provider coredns, in any order, each once.
	Want    []diff.Record
	Held    []Held
	Unclear diff.Unclear
	Muted   diff.Muted
	// Frozen says that evictions are frozen, and Empty that the registry was read as empty.
	Frozen, Empty bool
}

// Change is one key to write, over exactly what is held.
type Change struct {
	Path        string
	Value       []byte // nil deletes
	ModRevision int64  // of what is held; 0 is nothing
}

// Result is what Changes found.
type Result struct {
	// Changes are in the order of Path. Those of one name are next to each other.
	Changes []Change
	// Kept counts the keys that nobody wants and that stay for now, Foreign those that are not ours.
	Kept, Foreign int
}

// Changes returns what has to be written so that CoreDNS answers as wanted. What it returns for the state
// that its changes lead to is nothing.
func Changes(in Input) Result {
	want := map[string][]byte{}
	dirs := tree{}
	for _, r := range in.Want {
		e := entryOf(r)
		want[e.dir+"/"+e.leaf] = e.value
		dirs.add(e)
	}
	var res Result
	held := map[string]Held{}
	var barriers []Held
	for _, h := range in.Held {
		held[h.Path] = h
		value, wanted := want[h.Path]
		if wanted && bytes.Equal(h.Value, value) {
			continue
		}
		var s service
		if json.Unmarshal(h.Value, &s) != nil || s.Owner == "" {
			res.Foreign++
			delete(want, h.Path)
			continue
		}
		if wanted {
			continue
		}
		at := strings.LastIndexByte(h.Path, '/')
		switch {
		case s.Owner == barrierOwner:
			barriers = append(barriers, h)
		case at > 0 && in.keeps(nameOf(h.Path[:at]), s):
			res.Kept++
			dirs.add(entry{dir: h.Path[:at], leaf: h.Path[at+1:], hosts: s.Host != ""})
		default:
			res.Changes = append(res.Changes, Change{Path: h.Path, ModRevision: h.ModRevision})
		}
	}
	for _, dir := range dirs.open() {
		e := barrier(dir)
		want[e.dir+"/"+e.leaf] = e.value
	}
	for _, h := range barriers {
		if _, wanted := want[h.Path]; !wanted && !in.Frozen && !in.Empty {
			res.Changes = append(res.Changes, Change{Path: h.Path, ModRevision: h.ModRevision})
		}
	}
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if h, ok := held[path]; !ok || !bytes.Equal(h.Value, want[path]) {
			res.Changes = append(res.Changes, Change{Path: path, Value: want[path], ModRevision: h.ModRevision})
		}
	}
	slices.SortFunc(res.Changes, func(a, b Change) int { return cmp.Compare(a.Path, b.Path) })
	return res
}

// keeps says that an owned record stays although nobody wants it.
func (in Input) keeps(name string, s service) bool {
	if in.Frozen || in.Empty || in.Unclear.Names[name] {
		return true
	}
	app, err := units.ParseAppID(s.Owner, "")
	return err == nil && (in.Unclear.Apps[app] || in.muted(app, s.Host))
}

// muted says that a record is of a unit whose endpoint went with a lease. One that holds no address may be
// of any unit of its app.
func (in Input) muted(app units.AppID, host string) bool {
	at := in.Muted[app]
	addr, err := netip.ParseAddr(host)
	return len(at) > 0 && (err != nil || at[addr.Unmap()])
}

// tree is the names that have records, and their ancestors.
type tree map[string]*node

type node struct {
	hosts bool // has a key of its own that keeps names below out
	below bool // has names below it
}

func (t tree) add(e entry) {
	n := t.node(e.dir)
	n.hosts = n.hosts || e.hosts
	for dir := e.dir; ; {
		at := strings.LastIndexByte(dir, '/')
		if at < 0 {
			return
		}
		dir = dir[:at]
		n := t.node(dir)
		if n.below {
			return // and so have its ancestors
		}
		n.below = true
	}
}

func (t tree) node(dir string) *node {
	n := t[dir]
	if n == nil {
		n = &node{}
		t[dir] = n
	}
	return n
}

// open returns the names that need a barrier.
func (t tree) open() []string {
	var dirs []string
	for _, dir := range slices.Sorted(maps.Keys(t)) {
		if n := t[dir]; n.below && !n.hosts {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}
