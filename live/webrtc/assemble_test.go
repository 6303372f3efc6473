package webrtc

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

// stream packs VP8 frames of the given sizes, key frames where said, at 15 a second: further apart than a builder with a
// time limit of 60 ms stands.
func stream(first uint16, frames ...string) (packets []*rtp.Packet) {
	p := rtp.NewPacketizer(100, 0, 1, &codecs.VP8Payloader{EnablePictureID: true}, rtp.NewFixedSequencer(first), clockRate)
	for i, kind := range frames {
		data := vp8Frame(kind == "key", 250)
		data[1], data[2] = byte(i), byte(i>>8)
		for _, packet := range p.Packetize(data, 0) {
			packet.Timestamp = uint32(i) * 6000
			packets = append(packets, packet)
		}
	}
	return packets
}

// assemble pushes packets 1 ms apart and lists the frames' numbers.
func assemble(packets []*rtp.Packet) (got string, lost int, keys int) {
	a, now := NewAssembler("vp8"), time.Now()
	var out []string
	for _, p := range packets {
		now = now.Add(time.Millisecond)
		n, key := a.Push(p, now, func(pic AccessUnit) {
			n := uint32(pic.Data[1]) | uint32(pic.Data[2])<<8
			out = append(out, fmt.Sprint(n))
			if len(pic.Data) != 250 || pic.Time != n*6000 {
				out = append(out, "damaged")
			}
		})
		if lost += n; key {
			keys++
		}
	}
	return strings.Join(out, " "), lost, keys
}

func TestAssembler(t *testing.T) {
	const perFrame = 3
	all := func() []*rtp.Packet { return stream(65530, "key", "", "", "", "") }
	swap := all()
	swap[1], swap[4] = swap[4], swap[1]
	twice := append(all()[:4:4], all()[3:]...)
	noMarker := all()
	for _, p := range noMarker {
		p.Marker = false
	}
	padded := all()
	for i := 2; i < len(padded); i++ {
		padded[i].SequenceNumber++
	}
	padded = append(padded[:2:2], append([]*rtp.Packet{{Header: rtp.Header{SequenceNumber: 65532}}}, padded[2:]...)...)
	for _, c := range []struct {
		name    string
		packets []*rtp.Packet
		want    string
		lost    int
	}{
		{"in order, over the wrap", all(), "0 1 2 3 4", 0},
		{"out of order", swap, "0 1 2 3 4", 0},
		{"repeated", twice, "0 1 2 3 4", 0},
		{"no marker: the time ends a frame", noMarker, "0 1 2 3", 0},
		{"padding in the middle", padded, "0 1 2 3 4", 0},
	} {
		if got, lost, _ := assemble(c.packets); got != c.want || lost != c.lost {
			t.Errorf("%s: frames %q, lost %d; want %q, %d", c.name, got, lost, c.want, c.lost)
		}
	}
	if n := len(all()); n != 5*perFrame {
		t.Fatalf("%d packets, the test counts on %d", n, 5*perFrame)
	}
}

// TestAssemblerBeginsWithAKeyFrame joins in the middle of a frame.
func TestAssemblerBeginsWithAKeyFrame(t *testing.T) {
	if got, _, keys := assemble(stream(9, "", "key", "", "key")[2:]); got != "1 2 3" || keys != 1 {
		t.Errorf("frames %q, key frames asked %d; want 1 2 3 and 1", got, keys)
	}
	if got, _, _ := assemble(stream(9, "key", "", "key", "")[1:]); got != "2 3" {
		t.Errorf("frames %q without the first packet of the key frame, want 2 3", got)
	}
}

// TestAssemblerWaitsForAKeyFrame loses one packet for good.
func TestAssemblerWaitsForAKeyFrame(t *testing.T) {
	kinds := make([]string, 100)
	kinds[0], kinds[60] = "key", "key"
	all := stream(7, kinds...)
	missing := append(all[:31:31], all[32:]...) // of frame 10
	got, lost, keys := assemble(missing)
	want := "0 1 2 3 4 5 6 7 8 9 60 61"
	// The key frame is 150 packets, 150 ms, after the loss; one is asked for at the very start, and one then.
	if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, " 99") || lost != 1 || keys != 2 {
		t.Errorf("frames %q, lost %d, key frames asked %d; want %s..., 1, 2", got, lost, keys, want)
	}
	// The packet comes again while it is waited for: nothing is lost.
	late := append(missing[:60:60], append([]*rtp.Packet{all[31]}, missing[60:]...)...)
	if got, lost, _ := assemble(late); lost != 0 || len(strings.Fields(got)) != 100 {
		t.Errorf("retransmitted: %d frames, lost %d, want 100 and 0", len(strings.Fields(got)), lost)
	}
	// A sender that never sends a key frame is shown again after a while.
	kinds[60] = ""
	never := stream(7, append(kinds, make([]string, 400)...)...)
	if got, _, _ := assemble(append(never[:31:31], never[32:]...)); !strings.HasSuffix(got, " 499") {
		t.Errorf("no key frame in 1.4 s: the last frames are %q", got[len(got)-20:])
	}
}

func TestAssemblerSurvivesAnything(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	a, now := NewAssembler("h264"), time.Now()
	for range 20000 {
		now = now.Add(time.Duration(r.IntN(30)) * time.Millisecond)
		payload := make([]byte, r.IntN(40))
		for i := range payload {
			payload[i] = byte(r.Uint32())
		}
		a.Push(&rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(r.IntN(2000)), Timestamp: uint32(r.IntN(9)), Marker: r.IntN(3) == 0}, Payload: payload}, now, func(AccessUnit) {})
		if a.count < 0 || a.count > assembleWindow {
			t.Fatalf("%d packets held", a.count)
		}
	}
}

func TestKeyFrames(t *testing.T) {
	for _, c := range []struct {
		codec string
		data  []byte
		want  bool
	}{
		{"vp8", vp8Frame(true, 10), true}, {"vp8", vp8Frame(false, 10), false}, {"vp8", nil, false},
		{"h264", []byte{0, 0, 0, 1, 0x67, 9, 0, 0, 1, 0x65, 1}, true}, {"h264", []byte{0, 0, 0, 1, 0x41, 5}, false}, {"h264", []byte{0, 0, 0, 1, 0x65, 5}, false}, {"h264", []byte{0, 0, 1}, false},
	} {
		if got := IsKey(c.codec, c.data); got != c.want {
			t.Errorf("%s %v: key %v, want %v", c.codec, c.data, got, c.want)
		}
	}
}
