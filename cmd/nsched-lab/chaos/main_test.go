package chaos

import (
	"errors"
	"net"
	"os"
	"testing"

	"github.com/nsched/nsched/cmd/nsched-lab/host"
)

func TestMain(m *testing.M) {
	host.Init() // the lab's holder is this program
	os.Exit(m.Run())
}

// closed is a listener that nobody reaches.
type closed struct{ net.Listener }

func (closed) Accept() (net.Conn, error) { return nil, errors.New("closed") }

func (closed) Close() error { return nil }
