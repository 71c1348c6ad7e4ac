package systemd

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// everywhereHidden is closed to every unit: with the Nix daemon's socket an app could add to the store
// and build, with the database it could read what else is installed.
var everywhereHidden = []string{"/nix/var"}

// sandbox closes everything that a service does not need to serve. `systemd-analyze security` counts it
// as 1.1; 0.8 of that is network access. Each relaxation of units.Sandbox opens what it says, no more.
func sandbox(s Service) []Property {
	x := s.Sandbox
	capabilities := uint64(0)
	if x.BindLowPorts {
		capabilities |= capNetBindService
	}
	for _, name := range x.Capabilities {
		bit, _ := capabilityBit(name)
		capabilities |= bit
	}
	list := []Property{
		{"DynamicUser", true},
		{"User", UserName(s.Unit)},
		{"UMask", uint32(0o077)},
		{"NoNewPrivileges", true},
		{"CapabilityBoundingSet", capabilities},
		{"AmbientCapabilities", capabilities},
		// Capabilities inside a user namespace mean nothing outside of it.
		{"PrivateUsers", capabilities == 0},
		{"PrivateDevices", true},
		{"DevicePolicy", "closed"},
		{"PrivateTmp", true},
		{"ProtectSystem", "strict"},
		{"ProtectHome", "yes"},
		{"ProtectClock", true},
		{"ProtectHostname", true},
		{"ProtectKernelLogs", true},
		{"ProtectKernelModules", true},
		{"ProtectKernelTunables", true},
		{"ProtectControlGroups", true},
		{"ProtectProc", "invisible"},
		{"ProcSubset", "pid"},
		{"KeyringMode", "private"},
		{"LockPersonality", true},
		{"MemoryDenyWriteExecute", !x.AllowJIT},
		{"RemoveIPC", true},
		{"RestrictNamespaces", uint64(0)}, // the mask of those that are allowed
		{"RestrictRealtime", true},
		{"RestrictSUIDSGID", true},
		{"SystemCallArchitectures", []string{"native"}},
	}
	list = append(list, systemCalls(len(x.Capabilities) > 0)...)
	list = append(list, network(x.Network)...)
	return append(list, files(s)...)
}

// systemCalls allows what services use. The calls that need privileges are denied on top, unless the app
// was granted capabilities: it got those to make such calls.
func systemCalls(capable bool) []Property {
	list := []Property{{"SystemCallFilter", filter{Allow: true, Names: []string{"@system-service"}}}}
	if !capable {
		list = append(list, Property{"SystemCallFilter", filter{Names: []string{"@privileged", "@resources"}}})
	}
	// An error rather than SIGSYS: libraries probe for calls and go on without.
	return append(list, Property{"SystemCallErrorNumber", int32(unix.EPERM)})
}

func network(allowed bool) []Property {
	if !allowed {
		return []Property{
			{"PrivateNetwork", true},
			{"RestrictAddressFamilies", filter{Allow: true, Names: []string{"AF_UNIX"}}},
		}
	}
	return []Property{
		{"RestrictAddressFamilies", filter{Allow: true, Names: []string{"AF_INET", "AF_INET6", "AF_UNIX"}}},
	}
}

// files says what the unit sees of the file system, beyond ProtectSystem=strict, which makes all of it
// read-only but its own directories.
func files(s Service) []Property {
	visible := []string{s.Exec}
	if s.GuardSocket != "" {
		visible = append(visible, s.GuardSocket)
	}
	if s.Sandbox.ClosureOnly {
		for _, p := range s.ClosurePaths {
			visible = append(visible, string(p))
		}
	}
	var covered []tmpfs
	var closed []string
	hidden := slices.Concat(s.hidden(), everywhereHidden)
	if s.Sandbox.ClosureOnly {
		hidden = append(hidden, "/nix/store")
	}
	for _, dir := range hidden {
		holds := func(p string) bool { return strings.HasPrefix(p, dir+"/") }
		if slices.ContainsFunc(visible, holds) {
			// Something in it is needed: an empty directory lies over it, with holes.
			covered = append(covered, tmpfs{Path: dir, Options: "ro"})
		} else {
			closed = append(closed, "-"+dir) // "-": it need not exist
		}
	}
	var holes []bind
	for _, p := range visible {
		holes = append(holes, bind{Source: p, Destination: p, Flags: unix.MS_REC})
	}
	list := []Property{
		{"TemporaryFileSystem", covered},
		{"BindReadOnlyPaths", holes},
		{"InaccessiblePaths", closed},
	}
	if len(s.Sandbox.WritablePaths) > 0 {
		list = append(list, Property{"ReadWritePaths", s.Sandbox.WritablePaths})
	}
	return list
}
