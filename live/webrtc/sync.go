package webrtc

import (
	"cmp"
	"slices"
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
	video, audio reports
	frames       anchor // the last frame
	line         uint32 // where the audio's line lies on the video's clock
	ticks        int64  // of the audio since line
	last         uint32 // RTP time of the last audio packet
	heard        bool
}

// report is what a sender report said.
type report struct {
	ntp uint64 // 32 bits of seconds, 32 of fractions
	rtp uint32
}

// late is by how many seconds r tells a later moment than q for the same RTP time.
func (r report) late(q report, rate float64) float64 {
	return float64(int64(r.ntp-q.ntp))/(1<<32) - float64(int32(r.rtp-q.rtp))/rate
}

// reports are the last ones of a track. Some senders tell when a packet left and not when it was captured, so a report may be late and is never early:
// the earliest counts.
type reports struct {
	last []report
	best report
}

const (
	maxReports = 8 // some ten to forty seconds, in which clocks drift by less than 2 ms
	newClock   = 1 // seconds: who is so far off has set a clock anew
)

// add takes a report of a track with a clock rate.
func (l *reports) add(r report, rate float64) {
	if d := r.late(l.best, rate); len(l.last) > 0 && (d > newClock || d < -newClock) {
		l.last = nil
	}
	if len(l.last) == maxReports {
		l.last = slices.Delete(l.last, 0, 1)
	}
	l.last = append(l.last, r)
	l.best = slices.MinFunc(l.last, func(a, b report) int { return cmp.Compare(a.late(r, rate), b.late(r, rate)) })
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
		s.audio.add(report{ntp, rtp}, audioRate)
	} else {
		s.video.add(report{ntp, rtp}, clockRate)
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
	if len(s.audio.last) > 0 && len(s.video.last) > 0 {
		audio, video := s.audio.best, s.video.best
		apart := float64(int64(audio.ntp-video.ntp)) / (1 << 32) // seconds
		apart += float64(int32(t-audio.rtp)) / audioRate
		should, most = video.rtp+uint32(int64(apart*clockRate)), exactly
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
