package webrtc

import (
	"encoding/binary"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v3"
)

// speak publishes a frame and audio: packets of 20 ms, each with its number, sent at a known time.
func speak(t *testing.T, s *Server, first uint32, sent *[1000]atomic.Int64) (p peer, hangUp func()) {
	t.Helper()
	pc := newClient(t)
	tracks := map[string]*webrtc.TrackLocalStaticRTP{}
	for name, c := range map[string]webrtc.RTPCodecCapability{"video": codecVP8.RTPCodecCapability, "audio": codecOpus.RTPCodecCapability} {
		tr, err := webrtc.NewTrackLocalStaticRTP(c, name, "cam")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pc.AddTransceiverFromTrack(tr, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
			t.Fatal(err)
		}
		tracks[name] = tr
	}
	p = connect(t, s, "/whip", pc)
	if answer := pc.RemoteDescription().SDP; strings.Contains(answer, "m=audio 0 ") || !strings.Contains(answer, "opus/48000/2") {
		t.Fatalf("the audio was refused:\n%s", answer)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for n := first; n < 1000; n++ {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			payload := binary.BigEndian.AppendUint32([]byte{0xf8}, n)
			sent[n].Store(time.Now().UnixNano())
			tracks["audio"].WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(n * 7000), Timestamp: 960*n + 12345*first}, Payload: payload})
			tracks["video"].WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(n), Marker: true, Timestamp: n * 1800}, Payload: append([]byte{0x10}, vp8Frame(true, 50)...)})
		}
	}()
	return p, func() { close(stop); <-done; pc.Close() }
}

// TestAudioPassesThrough: two publishers, one after the other; the viewer hears both as one stream, each packet no sooner than
// the frames that came with it.
func TestAudioPassesThrough(t *testing.T) {
	const delay = 150 * time.Millisecond
	var wantKey atomic.Bool
	s := start(t, Options{Codec: "vp8", AudioDelay: func() time.Duration { return delay }, OnKeyframe: func(string, string) { wantKey.Store(true) }})
	play(t, s, &wantKey)
	waitFor(t, "the feed", s.feed.live)
	go func() { // publications must be accepted, their frames taken
		for {
			p, err := s.Accept(t.Context())
			if err != nil {
				return
			}
			go func() {
				for err := error(nil); err == nil; {
					_, err = p.Next(t.Context())
				}
			}()
		}
	}()
	viewer := newClient(t)
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		if _, err := viewer.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	type heard struct {
		number, time uint32
		sequence     uint16
		at           time.Time
	}
	packets, streams := make(chan heard, 1000), make(chan string, 2)
	viewer.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		streams <- tr.StreamID()
		for {
			p, _, err := tr.ReadRTP()
			if err != nil {
				return
			}
			if tr.Kind() == webrtc.RTPCodecTypeAudio && len(p.Payload) == 5 {
				packets <- heard{binary.BigEndian.Uint32(p.Payload[1:]), p.Timestamp, p.SequenceNumber, time.Now()}
			}
		}
	})
	connect(t, s, "/whep", viewer)
	var sent [1000]atomic.Int64
	var last heard
	listen := func(from uint32) {
		t.Helper()
		for n := 0; n < 20; {
			select {
			case h := <-packets:
				if h.number < from {
					continue
				}
				if early := time.Unix(0, sent[h.number].Load()).Add(delay).Sub(h.at); early > 0 {
					t.Errorf("packet %d comes %v before the frames that came with it", h.number, early)
				}
				ticks := int32(h.time - last.time)
				if !last.at.IsZero() && (h.sequence != last.sequence+uint16(h.number-last.number)*7000 && h.number/500 == last.number/500 ||
					h.number/500 != last.number/500 && (h.sequence != last.sequence+1 || ticks <= 0)) {
					t.Errorf("after %+v comes %+v", last, h)
				}
				last, n = h, n+1
			case <-time.After(10 * time.Second):
				t.Fatal("no audio")
			}
		}
	}
	p, hangUp := speak(t, s, 0, &sent)
	listen(0)
	if !s.feed.audio.flows() {
		t.Error("the status does not say that there is audio")
	}
	do(t, s, "DELETE", p.location, "", "")
	hangUp()
	_, hangUp = speak(t, s, 500, &sent)
	listen(500)
	hangUp()
	if a, b := <-streams, <-streams; a != b {
		t.Errorf("audio and frame are of the streams %s and %s: browsers would not keep them in step", a, b)
	}
}

// TestCloseWaits: Close returns after the server's own goroutines, here one in a hook for a viewer's report and one that asks for
// how long audio is to be held back.
func TestCloseWaits(t *testing.T) {
	var reporting, reported, delaying, delayed, wantKey atomic.Bool
	slowly := func(in, out *atomic.Bool) {
		if in.CompareAndSwap(false, true) {
			time.Sleep(700 * time.Millisecond)
			out.Store(true)
		}
	}
	s := start(t, Options{Codec: "vp8", OnReport: func(string) { slowly(&reporting, &reported) }, OnKeyframe: func(string, string) { wantKey.Store(true) },
		AudioDelay: func() time.Duration { slowly(&delaying, &delayed); return 0 }})
	play(t, s, &wantKey)
	waitFor(t, "the feed", s.feed.live)
	p, frames := watch(t, s)
	waitFor(t, "the first frames", func() bool { return frames.Load() > 0 })
	var sent [1000]atomic.Int64
	_, hangUp := speak(t, s, 0, &sent)
	defer hangUp()
	waitFor(t, "a report and audio", func() bool {
		for _, r := range p.pc.GetReceivers() {
			if err := p.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(r.Track().SSRC())}}); err != nil {
				t.Fatal(err)
			}
		}
		return reporting.Load() && delaying.Load()
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !reported.Load() || !delayed.Load() {
		t.Errorf("Close returned while the server was at work: report done %v, audio done %v", reported.Load(), delayed.Load())
	}
	if err := s.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
}
