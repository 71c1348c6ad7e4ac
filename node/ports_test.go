package node

import (
	"io"
	"net"
	"strconv"
	"testing"

	"github.com/nsched/nsched/units"
)

func busy(t *testing.T, protocol units.Protocol, port int) bool {
	t.Helper()
	got, err := HostPorts{}.Busy(t.Context(), []ListenPort{{Protocol: protocol, Number: uint16(port)}})
	if err != nil {
		t.Fatal(err)
	}
	if got != 0 && int(got) != port {
		t.Fatalf("asked about %d, told of %d", port, got)
	}
	return got != 0
}

func TestAListenerOnAnyAddressHasThePort(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0", "127.0.0.77:0"} {
		t.Run(address, func(t *testing.T) {
			l, err := net.Listen("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			port := l.Addr().(*net.TCPAddr).Port
			if !busy(t, units.TCP, port) {
				t.Error("tcp: it is not seen")
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if busy(t, units.TCP, port) {
				t.Error("tcp: it is seen when it is gone")
			}
			u, err := net.ListenPacket("udp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer u.Close()
			if port := u.LocalAddr().(*net.UDPAddr).Port; !busy(t, units.UDP, port) {
				t.Error("udp: it is not seen")
			}
		})
	}
}

func TestAskingForAPortDoesNotTakeIt(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if busy(t, units.TCP, port) || busy(t, units.UDP, port) {
			t.Fatal("it is taken")
		}
		again, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A unit that is replaced on its node leaves connections in TIME_WAIT at its port.
func TestConnectionsThatHaveEndedLeaveThePort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	// Who closes first is the one who waits.
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(client); err != nil {
		t.Fatal(err)
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if busy(t, units.TCP, l.Addr().(*net.TCPAddr).Port) {
		t.Error("it is taken")
	}
}

func TestThePortsOfAUnitAreAllLookedAt(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := uint16(l.Addr().(*net.TCPAddr).Port)
	free, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	number := uint16(free.LocalAddr().(*net.UDPAddr).Port)
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := HostPorts{}.Busy(t.Context(), []ListenPort{{Protocol: units.UDP, Number: number}, {Protocol: units.TCP, Number: taken}})
	if err != nil || got != taken {
		t.Errorf("told of %d, %v", got, err)
	}
	if got, err := (HostPorts{}).Busy(t.Context(), nil); got != 0 || err != nil {
		t.Errorf("no ports: %d, %v", got, err)
	}
}
