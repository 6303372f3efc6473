package webrtc

import (
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v3"
)

// sync90 places a publisher's audio on the clock of its video. Each track's RTP time begins at random; sender reports (RFC 3550 section 6.4.1)
// tell both on one clock. Until both have come, what arrives together counts as captured together.
type sync90 struct {
	mu           sync.Mutex
	video, audio report
	frames       anchor // the last frame
	line         uint32 // where the audio's line lies on the video's clock
	ticks        int64  // of the audio since line
	last         uint32 // RTP time of the last audio packet
	heard        bool
}

// report is what a track's last sender report said.
type report struct {
	ntp  uint64 // 32 bits of seconds, 32 of fractions
	rtp  uint32
	came bool
}

// anchor is an RTP time of the video and when it came.
type anchor struct {
	time uint32
	at   time.Time
}

// How far audio may lie beside its place before it is moved there, in ticks of 90 kHz: sender reports are exact, arrivals are not.
const (
	exactly = 900
	roughly = 9000
)

// tell takes a sender report.
func (s *sync90) tell(isAudio bool, ntp uint64, rtp uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if isAudio {
		s.audio = report{ntp, rtp, true}
	} else {
		s.video = report{ntp, rtp, true}
	}
}

// frame takes the time of a frame that has come.
func (s *sync90) frame(t uint32, now time.Time) {
	s.mu.Lock()
	s.frames = anchor{t, now}
	s.mu.Unlock()
}

// place is the time on the video's clock of an audio packet with RTP time t that comes now; ok is false before the first frame.
func (s *sync90) place(t uint32, now time.Time) (at uint32, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frames.at.IsZero() {
		return 0, false
	}
	should, most := s.frames.time+uint32(int64(now.Sub(s.frames.at).Seconds()*clockRate)), int32(roughly)
	if s.audio.came && s.video.came {
		apart := float64(int64(s.audio.ntp-s.video.ntp)) / (1 << 32) // seconds
		apart += float64(int32(t-s.audio.rtp)) / audioRate
		should, most = s.video.rtp+uint32(int64(apart*clockRate)), exactly
	}
	if s.heard {
		s.ticks += int64(int32(t - s.last))
	}
	s.last = t
	at = s.line + uint32(s.ticks*clockRate/audioRate)
	if off := int32(should - at); !s.heard || off > most || off < -most {
		s.line += uint32(off)
		at = should
	}
	s.heard = true
	return at, true
}

// readClock reads a track's sender reports until it ends.
func (p *Publication) readClock(r *webrtc.RTPReceiver, isAudio bool) {
	for {
		list, _, err := r.ReadRTCP()
		if err != nil {
			return
		}
		for _, one := range list {
			if sr, ok := one.(*rtcp.SenderReport); ok {
				p.sync.tell(isAudio, sr.NTPTime, sr.RTPTime)
			}
		}
	}
}

// hear hands a packet of audio on beside the frames. It never waits: who does not listen loses it.
func (p *Publication) hear(packet *rtp.Packet, now time.Time) {
	if len(packet.Payload) == 0 {
		return
	}
	at, ok := p.sync.place(packet.Timestamp, now)
	if !ok {
		return
	}
	select {
	case p.units <- AccessUnit{Data: packet.Payload, Time: at, Arrival: now, Audio: true}:
	default:
	}
}
