package output

import (
	"testing"
	"time"

	"vsr/media"
)

// TestSoundLine: late packets are left out, gaps are filled with silence, and what comes out has no hole and no overlap.
func TestSoundLine(t *testing.T) {
	var l soundLine
	end := int64(-1)
	check := func(list []*media.Packet, want int) {
		t.Helper()
		if len(list) != want {
			t.Errorf("%d packets, want %d", len(list), want)
		}
		for _, p := range list {
			if end >= 0 && p.PTS != end {
				t.Errorf("a packet at %d after the end %d", p.PTS, end)
			}
			end = p.PTS + p.Duration
		}
	}
	packet := func(t int64) *media.Packet { return &media.Packet{PTS: t, Duration: 960} }
	check(l.take(packet(0), 4800), 1)
	check(l.take(packet(960), 4800), 1)
	check(l.take(packet(960), 4800), 0)    // again
	check(l.take(packet(7*960), 4800), 6)  // five of silence before it
	check(l.fill(4800+12*960, 0), 4)       // nothing comes
	check(l.take(packet(9*960), 4800), 0)  // late
	check(l.take(packet(12*960), 4800), 1) // in its place
	if list := l.take(packet(100*48000), 4800); len(list) != 1 || list[0].PTS != 100*48000+4800 {
		t.Errorf("after a long gap %d packets", len(list))
	}
}

// TestClock: the times of one pipeline after the other rise, with the pause between them.
func TestClock(t *testing.T) {
	var c clock
	ms := media.Rational{Num: 1, Den: 1000}
	now := time.Now()
	c.restart(ms)
	if a, b := c.at(500, now), c.at(540, now.Add(40*time.Millisecond)); a != 500 || b != 540 {
		t.Errorf("times %d %d, want them as they are", a, b)
	}
	c.restart(ms)
	if a, b := c.at(7, now.Add(1040*time.Millisecond)), c.at(47, now.Add(1080*time.Millisecond)); a != 1540 || b != 1580 {
		t.Errorf("times %d %d, want 1540 1580", a, b)
	}
	c.restart(media.Rational{Num: 1, Den: 90000})
	if a := c.at(0, now.Add(2080*time.Millisecond)); a != 90*2580 {
		t.Errorf("in another base %d, want %d", a, 90*2580)
	}
}

// numbers is a PacketWriter that keeps the first byte of each packet.
type numbers struct{ list []byte }

func (n *numbers) Start(*media.Info) error { return nil }
func (n *numbers) WritePacket(p *media.Packet) error {
	n.list = append(n.list, p.Data[0])
	return nil
}
func (n *numbers) Close() error { return nil }

// TestSteady: frames that are missing are filled up, those that are early left out.
func TestSteady(t *testing.T) {
	out := &numbers{}
	w := &steady{PacketWriter: out}
	info := &media.Info{Tracks: []media.Track{{TimeBase: media.Rational{Num: 1, Den: 1000}}}, FrameRate: media.Rational{Num: 10, Den: 1}}
	if err := w.Start(info); err != nil {
		t.Fatal(err)
	}
	for i, ms := range []int64{0, 95, 210, 510, 540, 600} {
		if err := w.WritePacket(&media.Packet{PTS: ms, Data: []byte{byte('a' + i)}}); err != nil {
			t.Fatal(err)
		}
	}
	if got := string(out.list); got != "abcdddf" {
		t.Errorf("%s, want abcdddf", got)
	}
}
