package webrtc

import (
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

// Assembler puts RTP packets in order and joins them into frames. A frame leaves as soon as its last packet is there: it
// does not wait for the packet after it, as sample builders do that need a frame's length.
//
// A missing packet is waited for, since it was asked for again (NACK, RFC 4585). After that the frame is given up, and so
// are all up to the next key frame, because a decoder shows garbage when a reference is missing. The first frame, too, must be
// a key frame.
type Assembler struct {
	codec  string
	unpack rtp.Depacketizer
	held   [assembleWindow]*rtp.Packet // by sequence number modulo the window
	count  int                         // of held
	next   uint16                      // sequence number that comes next
	begun  bool
	gap    time.Time // since when next is missing while later packets are there

	data     []byte // of the frame under way
	time     uint32
	open     bool      // a frame is under way
	skipping bool      // up to the end of a damaged frame
	needKey  time.Time // since when a key frame is awaited, zero when none is
	asked    time.Time // when one was asked for
}

const (
	assembleWindow = 512                    // packets, more than any gap that is worth waiting for
	gapPatience    = 120 * time.Millisecond // several rounds of NACK on a good line
	// keyPatience is how long frames are held back for want of a key frame: a sender may never answer.
	keyPatience = time.Second
	// keyAgain is how often a key frame is asked for while none comes.
	keyAgain = 300 * time.Millisecond
	// maxFrame bounds one frame, in bytes. Key frames of 4K video stay below 2 MiB.
	maxFrame = 8 << 20
)

// NewAssembler makes one for h264 or vp8.
func NewAssembler(codec string) *Assembler {
	a := &Assembler{codec: codec}
	a.reset()
	return a
}

// reset forgets the frame under way, and what the depacketizer holds of it.
func (a *Assembler) reset() {
	a.data, a.open = nil, false
	a.unpack = &codecs.VP8Packet{}
	if a.codec == "h264" {
		a.unpack = &codecs.H264Packet{}
	}
}

// Push takes one packet and gives the frames that it completes to emit. It returns how many packets it gave up waiting for,
// and whether the sender is to be asked for a key frame now.
func (a *Assembler) Push(p *rtp.Packet, now time.Time, emit func(AccessUnit)) (lost int, wantKey bool) {
	if !a.begun {
		a.begun, a.next, a.needKey = true, p.SequenceNumber, now
		a.skipping = !a.unpack.IsPartitionHead(p.Payload)
	}
	lost = a.order(p, now, emit)
	if wantKey = !a.needKey.IsZero() && now.Sub(a.asked) >= keyAgain; wantKey {
		a.asked = now
	}
	return lost, wantKey
}

// order takes p and all packets that are in order with it.
func (a *Assembler) order(p *rtp.Packet, now time.Time, emit func(AccessUnit)) (lost int) {
	ahead := int(int16(p.SequenceNumber - a.next))
	switch {
	case ahead < 0: // late or repeated
		return 0
	case ahead >= assembleWindow:
		lost = ahead - a.count
		a.held, a.count, a.next = [assembleWindow]*rtp.Packet{}, 0, p.SequenceNumber
		a.damage(now)
	}
	if slot := &a.held[p.SequenceNumber%assembleWindow]; *slot == nil {
		*slot = p
		a.count++
	}
	for {
		a.drain(now, emit)
		switch {
		case a.count == 0:
			a.gap = time.Time{}
			return lost
		case a.gap.IsZero():
			a.gap = now
		}
		if now.Sub(a.gap) < gapPatience {
			return lost
		}
		for a.held[a.next%assembleWindow] == nil {
			a.next++
			lost++
		}
		a.gap = time.Time{}
		a.damage(now)
	}
}

// drain takes all packets that are in order.
func (a *Assembler) drain(now time.Time, emit func(AccessUnit)) {
	for {
		slot := &a.held[a.next%assembleWindow]
		p := *slot
		if p == nil {
			return
		}
		*slot = nil
		a.count--
		a.next++
		a.gap = time.Time{}
		a.add(p, now, emit)
	}
}

// damage gives up the frame under way.
func (a *Assembler) damage(now time.Time) {
	a.reset()
	a.skipping = true
	if a.needKey.IsZero() {
		a.needKey = now
	}
}

// add appends a packet in order. A frame ends with the marker (RFC 3550 section 5.1), or where the time changes.
func (a *Assembler) add(p *rtp.Packet, now time.Time, emit func(AccessUnit)) {
	if len(p.Payload) == 0 { // padding, which senders use to probe a line
		return
	}
	if a.open && p.Timestamp != a.time {
		a.finish(now, emit)
	}
	if !a.skipping {
		part, err := a.unpack.Unmarshal(p.Payload)
		if err != nil || len(a.data)+len(part) > maxFrame {
			a.damage(now)
		} else {
			a.data = append(a.data, part...)
		}
	}
	a.open, a.time = true, p.Timestamp
	if p.Marker {
		a.finish(now, emit)
	}
}

// finish hands the frame out unless it is damaged or refers to one that is.
func (a *Assembler) finish(now time.Time, emit func(AccessUnit)) {
	data, whole := a.data, !a.skipping
	a.data, a.open, a.skipping = nil, false, false
	if !whole || len(data) == 0 {
		return
	}
	if !a.needKey.IsZero() && !IsKey(a.codec, data) && now.Sub(a.needKey) < keyPatience {
		return
	}
	a.needKey, a.asked = time.Time{}, time.Time{}
	emit(AccessUnit{Data: data, Time: a.time, Arrival: now})
}

// IsKey reports whether a frame can be decoded by itself: the inverse key frame bit of a VP8 frame (RFC 6386 section 9.1),
// or, in an H.264 access unit with start codes, a NAL unit of type 5 after a parameter set, without which it would not decode.
func IsKey(codec string, data []byte) bool {
	if codec == "vp8" {
		return len(data) > 0 && data[0]&1 == 0
	}
	parameters := false
	for i := 0; i+3 < len(data); i++ {
		if data[i] != 0 || data[i+1] != 0 || data[i+2] != 1 {
			continue
		}
		switch data[i+3] & 31 {
		case 7:
			parameters = true
		case 5:
			return parameters
		}
	}
	return false
}
