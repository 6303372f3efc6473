package webrtc

import (
	"testing"
	"time"
)

// TestAudioFindsItsPlaceOnTheVideosClock: by arrival at first, by the sender reports once both have come, whatever the first RTP times are and over
// their wrap.
func TestAudioFindsItsPlaceOnTheVideosClock(t *testing.T) {
	v0, a0 := uint32(0xffffff00), uint32(0xfffffff0) // both wrap soon
	begin := time.Now()
	at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	var s sync90
	if _, ok := s.place(a0, at(0)); ok {
		t.Error("audio was placed before there was video")
	}
	s.frame(v0, at(0))
	// Audio that comes 40 ms after the frame counts as 40 ms later; then its own clock rules, whatever the network does.
	for i, jitter := range []int{0, 30, 5, 60} {
		got, ok := s.place(a0+uint32(i*960), at(40+20*i+jitter))
		if want := v0 + 90*uint32(40+20*i); !ok || int32(got-want) > 2 || int32(want-got) > 2 {
			t.Errorf("packet %d: %d ticks after the frame, want %d", i, int32(got-v0), int32(want-v0))
		}
	}
	// The reports say that the audio with time a0 was captured 25 ms before the frame with time v0.
	ntp := func(ms int) uint64 { return uint64(1000)<<32 + uint64(ms)<<32/1000 }
	s.tell(false, ntp(500), v0+90*500)
	s.tell(true, ntp(800), a0+48*825)
	for i := 4; i < 8; i++ {
		got, _ := s.place(a0+uint32(i*960), at(40+20*i))
		if want := v0 + 90*uint32(20*i) - 90*25; int32(got-want) > 2 || int32(want-got) > 2 {
			t.Errorf("packet %d by the reports: %d ticks after the frame, want %d", i, int32(got-v0), int32(want-v0))
		}
	}
	// A sender that stalls tells a late moment: audio stays. One that sets its clock anew is followed.
	step := func(why string, i, want int) {
		t.Helper()
		got, _ := s.place(a0+uint32(i*960), at(40+20*i))
		if want := v0 + 90*uint32(20*i+want); int32(got-want) > 2 || int32(want-got) > 2 {
			t.Errorf("%s: %d ms after its place", why, int32(got-want)/90)
		}
	}
	s.tell(false, ntp(1000+160), v0+90*1000)
	step("after a late report of the video", 8, -25)
	s.tell(true, ntp(1300+77), a0+48*1325)
	step("after a late report of the audio", 9, -25)
	s.tell(true, ntp(1500-15), a0+48*1525)
	step("after an earlier report of the audio", 10, -40)
	s.tell(true, ntp(9000), a0+48*1825)
	s.tell(false, ntp(9000), v0+90*1800)
	step("after a new clock", 11, -25)
	for i := range maxReports { // the early one is forgotten
		s.tell(true, ntp(9100+100*i+20), a0+48*uint32(1925+100*i))
	}
	step("after many reports", 12, -5)
}
