package systemd

// Property is one property of a transient unit. Value has one of the types that D-Bus and systemd agree
// on for it: bool (b), string (s), uint64 (t), uint32 (u), int32 (i), []string (as), or one of the
// structures below.
type Property struct {
	Name  string
	Value any
}

// execCommand is an element of ExecStart, a(sasb).
type execCommand struct {
	Path          string
	Argv          []string
	IgnoreFailure bool
}

// filter is a list that allows or denies, (bas): SystemCallFilter, RestrictAddressFamilies.
type filter struct {
	Allow bool
	Names []string
}

// credential is an element of LoadCredential, a(ss).
type credential struct{ ID, Path string }

// exitStatuses is (aiai): RestartPreventExitStatus.
type exitStatuses struct{ Codes, Signals []int32 }

// bind is an element of BindReadOnlyPaths, a(ssbt).
type bind struct {
	Source, Destination string
	IgnoreMissing       bool
	Flags               uint64
}

// tmpfs is an element of TemporaryFileSystem, a(ss).
type tmpfs struct{ Path, Options string }
