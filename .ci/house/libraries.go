package house

import (
	"fmt"
	"strings"
)

// home says where alone something may be imported: a library, so that one folder knows it and can
// replace it, or a package of ours that only the programs wire in.
type home struct {
	// what is an import path, or a folder of the module that begins with "./".
	what  string
	code  []string
	tests []string // besides those of code
}

var homes = []home{
	{"go.etcd.io/etcd/client/v3/...", []string{"units/registry"}, []string{"units/registry/..."}},
	// What etcd's client and server share: message types and TLS.
	{"go.etcd.io/etcd/client/pkg/...", []string{"units/registry", "units/registry/embedded"}, []string{"units/registry/..."}},
	{"go.etcd.io/etcd/api/v3/...", []string{"units/registry", "units/registry/embedded"}, []string{"units/registry/..."}},
	{"go.etcd.io/etcd/server/v3/...", []string{"units/registry/embedded"}, []string{"units/registry/..."}},
	// What etcd's server keeps on disk.
	{"go.etcd.io/etcd/etcdutl/v3/...", []string{"units/registry/embedded"}, nil},
	{"go.etcd.io/bbolt/...", []string{"units/registry/embedded"}, nil},
	{"github.com/coreos/go-systemd/...", []string{"node/systemd"}, nil},
	{"github.com/godbus/dbus/...", []string{"node/systemd"}, nil},
	{"github.com/cloudflare/cloudflare-go/...", []string{"dns/cloudflare"}, nil},
	// Its root package links every product's client and costs minutes of building.
	{"github.com/cloudflare/cloudflare-go/v7", nil, nil},
	{"github.com/spf13/viper/...", []string{"cmd/nsched"}, nil},
	{"github.com/spf13/cobra/...", []string{"cmd/..."}, nil},

	{"./nix/...", []string{"cmd/...", "nix/..."}, nil},
	{"./units/registry/embedded", []string{"cmd/..."}, []string{"units/registry/...", "dns"}},
}

// Libraries reports imports of a library outside its home.
func Libraries(t *Tree) []Violation {
	var found []Violation
	for _, p := range t.Packages {
		for _, h := range homes {
			what := h.what
			if dir, ours := strings.CutPrefix(what, "./"); ours {
				what = t.Module + "/" + dir
			}
			for _, path := range p.Imports {
				if within(path, what) && !withinAny(p.Dir, h.code) {
					found = append(found, Violation{p.Dir, fmt.Sprintf("imports %s, %s", path, h.says())})
				}
			}
			for _, path := range p.TestImports {
				if within(path, what) && path != t.Module+"/"+p.Dir && !withinAny(p.Dir, h.code) && !withinAny(p.Dir, h.tests) {
					found = append(found, Violation{p.Dir, fmt.Sprintf("tests import %s, %s", path, h.says())})
				}
			}
		}
	}
	return found
}

func (h home) says() string {
	if len(h.code) == 0 {
		return "which nothing may import"
	}
	return "which belongs in " + strings.Join(h.code, " or ")
}
