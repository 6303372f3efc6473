package webrtc

import (
	"testing"
	"time"
)

func TestInbound(t *testing.T) {
	var in inbound
	now, first := time.Now(), uint32(4294967000) // the RTP time wraps
	tick := func(after time.Duration, ticks uint32, lost int) {
		now = now.Add(after)
		in.count(ticks, now, lost)
	}
	tick(0, first, 0)
	for n := range uint32(50) {
		tick(time.Second/30, first+3000*(n+1), 0)
	}
	if s := in.stats(); s.Packets != 51 || s.Lost != 0 || s.Jitter > time.Microsecond {
		t.Errorf("a steady stream: %+v", s)
	}
	tick(time.Second/30+16*time.Millisecond, first+3000*51, 2)
	if s := in.stats(); s.Lost != 2 || s.Jitter < 999*time.Microsecond || s.Jitter > 1001*time.Microsecond {
		t.Errorf("16 ms late: %+v, want a jitter of a sixteenth of it", s) // RFC 3550 section 6.4.1
	}
	in.restart()
	tick(time.Hour, 7, 0)
	if s := in.stats(); s.Packets != 53 || s.Lost != 2 || s.Jitter != 0 {
		t.Errorf("another stream: %+v", s)
	}
}
