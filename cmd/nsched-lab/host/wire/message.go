package wire

import (
	"net/netip"
	"time"
)

// Op names what a request asks for.
type Op string

// The requests. Each is answered by one Reply, OpRun by one when the process started and one when it
// ended.
const (
	OpInfo     Op = "info"
	OpCreate   Op = "create"
	OpPowerOn  Op = "power-on"
	OpPowerOff Op = "power-off"
	OpShutdown Op = "shutdown"
	OpRun      Op = "run"
	OpDial     Op = "dial"
	OpListen   Op = "listen"
	OpFault    Op = "fault"
)

// Request is the first message of a connection.
type Request struct {
	Op      Op       `json:"op"`
	Host    string   `json:"host,omitempty"` // "" is the holder itself
	Binds   []Bind   `json:"binds,omitempty"`
	Command *Command `json:"command,omitempty"`
	Network string   `json:"network,omitempty"`
	Address string   `json:"address,omitempty"`
	Fault   *Fault   `json:"fault,omitempty"`
}

// Bind shows a file or directory of the machine inside a host.
type Bind struct {
	Source   string `json:"source"`
	Target   string `json:"target"`
	Writable bool   `json:"writable,omitempty"`
}

// Command is a process to start; its standard streams come as three descriptors unless it is
// detached.
type Command struct {
	Argv   []string `json:"argv"`
	Env    []string `json:"env,omitempty"`
	Dir    string   `json:"dir,omitempty"`
	Log    string   `json:"log,omitempty"`    // file name below the lab's log directory
	Detach bool     `json:"detach,omitempty"` // outlives the connection, dies with the lab
	// Terminal makes standard input, which is one, the controlling terminal.
	Terminal bool `json:"terminal,omitempty"`
}

// FaultKind is what to do to a host's cable.
type FaultKind string

// The faults. Heal takes back all others.
const (
	FaultPartition FaultKind = "partition"
	FaultDropFrom  FaultKind = "drop-from"
	FaultDropTo    FaultKind = "drop-to"
	FaultDelay     FaultKind = "delay"
	FaultHeal      FaultKind = "heal"
)

// Fault changes the network of one host, or of all when Request.Host is empty and Kind is heal.
type Fault struct {
	Kind  FaultKind     `json:"kind"`
	Peers []string      `json:"peers,omitempty"`
	Delay time.Duration `json:"delay,omitempty"`
	// Jitter spreads the delay by up to this much to either side.
	Jitter time.Duration `json:"jitter,omitempty"`
	// Loss is the share of frames that vanish, 0 to 1.
	Loss float64 `json:"loss,omitempty"`
}

// Host is what the holder knows about a host.
type Host struct {
	Name    string     `json:"name"`
	Address netip.Addr `json:"address"`
	Power   string     `json:"power"`            // off, booting, on, stopping
	Leader  int        `json:"leader,omitempty"` // the host's PID 1 in the holder's PID namespace; 0 when off
	Faults  []string   `json:"faults,omitempty"` // the network faults in force, for people
}

// Info describes a lab.
type Info struct {
	ID      string     `json:"id"`
	Address netip.Addr `json:"address"`
	Logs    string     `json:"logs"`
	Hosts   []Host     `json:"hosts,omitempty"`
}

// Exit is how a process ended.
type Exit struct {
	Code   int `json:"code"`             // 128 + Signal when a signal ended it
	Signal int `json:"signal,omitempty"` // 0 when it exited by itself
}

// Reply answers a request. Error is set when it failed; Kind then names the sentinel.
type Reply struct {
	Error string `json:"error,omitempty"`
	Kind  string `json:"kind,omitempty"`
	Info  *Info  `json:"info,omitempty"`
	Host  *Host  `json:"host,omitempty"`
	Exit  *Exit  `json:"exit,omitempty"`
}

// Config is what the holder is told when it starts, in one line of JSON on FDLife.
type Config struct {
	ID          string       `json:"id"`
	Dir         string       `json:"dir"`  // the lab's directory on the machine
	Logs        string       `json:"logs"` // where logs go
	Nameservers []netip.Addr `json:"nameservers"`
	HostsLines  []string     `json:"hostsLines"`
	Binds       []Bind       `json:"binds"`
	Hide        []string     `json:"hide"`
	Cgroup      string       `json:"cgroup,omitempty"` // delegated cgroup v2 directory; "" means v1
	Attached    bool         `json:"attached"`         // dies when the lifeline closes
	Level       int8         `json:"level"`            // zerolog level of the holder's own log
}

// The descriptors that a holder is started with.
const (
	FDLock  = 3 // the lab's lock file, locked; open for as long as the holder lives
	FDLife  = 4 // read end of a pipe: the Config as one line; its end means that the owner is gone
	FDReady = 5 // write end of a pipe: "ok" or what went wrong
)
