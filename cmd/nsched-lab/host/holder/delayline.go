package holder

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// shape is what a cable does to each frame, in both directions.
type shape struct {
	delay, jitter time.Duration
	loss          float64 // share of frames, 0 to 1
}

func (s shape) String() string {
	return fmt.Sprintf("delays %s±%s, loses %.4g %%", s.delay, s.jitter, 100*s.loss)
}

// lineDepth is how many frames a direction holds; later ones are lost, as in any switch.
const lineDepth = 4096

// maxFrame is the largest frame: the kernel hands over segments of one TCP stream joined together.
const maxFrame = 1<<16 + 256

// delayLine sits between a cable and the switch and carries frames by hand:
//
//	host0 ── port1 ═ delayLine ═ line1 (tap) ── lab0
//
// The kernel's netem would do it, but many kernels are built without. Frames travel with their offload
// header, so that checksums left to the card and joined segments stay what they are. Frames of one
// direction never overtake each other.
type delayLine struct {
	ends []*os.File
	wg   sync.WaitGroup
}

type frame struct {
	data []byte
	due  time.Time
}

func openDelayLine(port, tap string, s shape) (*delayLine, error) {
	cable, err := openPacket(port)
	if err != nil {
		return nil, err
	}
	line, err := openTap(tap)
	if err != nil {
		_ = cable.Close()
		return nil, err
	}
	d := &delayLine{ends: []*os.File{cable, line}}
	d.carry(cable, line, s)
	d.carry(line, cable, s)
	return d, nil
}

// close stops the line and takes its port away. A nil line is closed already.
func (d *delayLine) close() {
	if d == nil {
		return
	}
	for _, f := range d.ends {
		_ = f.Close()
	}
	d.wg.Wait()
}

func (d *delayLine) carry(from, to *os.File, s shape) {
	queue := make(chan frame, lineDepth)
	d.wg.Go(func() {
		defer close(queue)
		buf := make([]byte, maxFrame)
		var last time.Time
		for {
			size, err := from.Read(buf)
			if errors.Is(err, unix.ENETDOWN) {
				continue // the cable was cut or plugged in; the socket goes on
			}
			if err != nil {
				return
			}
			if rand.Float64() < s.loss {
				continue
			}
			due := time.Now().Add(s.delay)
			if s.jitter > 0 {
				due = due.Add(time.Duration(rand.Int64N(int64(2*s.jitter)+1)) - s.jitter)
			}
			if due.Before(last) {
				due = last
			}
			select {
			case queue <- frame{data: append([]byte(nil), buf[:size]...), due: due}:
				last = due
			default:
			}
		}
	})
	d.wg.Go(func() {
		for f := range queue {
			time.Sleep(time.Until(f.due))
			_, _ = to.Write(f.data) // a port that is down loses frames
		}
	})
}

// openPacket opens a socket that sees every frame the host sends and sends frames to it.
func openPacket(port string) (*os.File, error) {
	device, err := net.InterfaceByName(port)
	if err != nil {
		return nil, fmt.Errorf("open cable: %w", err)
	}
	const all = unix.ETH_P_ALL>>8 | unix.ETH_P_ALL&0xff<<8 // network byte order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open cable: %w", err)
	}
	for _, option := range []int{unix.PACKET_VNET_HDR, unix.PACKET_IGNORE_OUTGOING} {
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.SOL_PACKET, option, 1)
		}
	}
	if err == nil {
		err = unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP,
			&unix.PacketMreq{Ifindex: int32(device.Index), Type: unix.PACKET_MR_PROMISC})
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: device.Index})
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("open cable %s: %w", port, err)
	}
	return os.NewFile(uintptr(fd), port), nil
}

// openTap makes a port for the switch whose other end is a file. It is gone when the file is closed.
func openTap(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("make tap %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
