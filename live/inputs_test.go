package live

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"vsr/decode"
	"vsr/internal/fault"
	"vsr/live/output"
	"vsr/media"
)

// TestListens: sessions that wait for a sender by RTMP and by SRT. Another session sends, goes and comes back; its audio comes too.
func TestListens(t *testing.T) {
	t.Parallel()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srt := udp.LocalAddr().String()
	udp.Close()
	rtmp := freeAddress(t)
	for _, c := range []struct{ source, push string }{
		{"listen:rtmp://" + rtmp + "/live/key", "rtmp://" + rtmp + "/live/key"},
		{"listen:srt://" + srt, "srt://" + srt},
	} {
		t.Run(strings.SplitN(c.push, ":", 2)[0], func(t *testing.T) {
			t.Parallel()
			record := filepath.Join(t.TempDir(), "rec.mkv")
			var made atomic.Int32
			s := startSession(t, func(o *Options) { o.Source, o.Record = c.source, record }, plainLevels(&made))
			time.Sleep(200 * time.Millisecond)
			if st := s.Status(); st.State != "waiting" || strings.Contains(st.Source, "key") {
				t.Errorf("before anybody sends: %+v", st)
			}
			for round := range 2 {
				o := Defaults()
				o.Listen, o.Source, o.Push = "127.0.0.1:0", "lavfi:testsrc2=s=64x48:r=30[out0];sine=r=48000[out1]", output.Addresses{output.Address(c.push + "#name=sender")}
				sender, err := Open(o)
				if err != nil {
					t.Fatal(err)
				}
				plainLevels(&made)(sender)
				done := make(chan error, 1)
				go func() { done <- sender.Run(context.Background()) }()
				waitFor(t, fmt.Sprintf("the source, round %d; %+v", round, s.Status()), func() bool { st := s.Status(); return st.State == "live" && st.Outputs[0].Frames > int64(20*(round+1)) })
				if err := sender.Close(); err != nil {
					t.Error(err)
				}
				<-done
				waitFor(t, "the loss", func() bool { st := s.Status(); return st.State == "lost" && st.Error != "" })
			}
			src, err := decode.Open(t.Context(), record, decode.Options{Threads: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer src.Close()
			if n := len(src.Info().Tracks); n != 2 || src.Info().Format.Width != 4*64 { // doubled here and there
				t.Errorf("recorded: %d tracks of %v", n, src.Info().Format)
			}
		})
	}
}

// TestAudioDevice: the audio of a device goes beside the frames of a source that has none, and into the recording; one that is not there is silence.
func TestAudioDevice(t *testing.T) {
	t.Parallel()
	for device, want := range map[string]bool{"lavfi:sine=r=48000,arealtime": true, "alsa:no-such-device": false} {
		record := filepath.Join(t.TempDir(), "rec.mkv")
		var made atomic.Int32
		s := startSession(t, func(o *Options) {
			o.Source, o.AudioDevice, o.Record = "lavfi:testsrc2=s=64x48:r=30", device, record
		}, plainLevels(&made))
		waitFor(t, "two seconds", func() bool { st := s.Status(); return len(st.Outputs) == 1 && st.Outputs[0].Frames > 60 })
		if err := s.hub.Control("recording rec.mkv", false); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the end of the recording", func() bool { return s.Status().Outputs[0].State == output.StateStopped })
		src, err := decode.OpenCopy(t.Context(), record, decode.Options{})
		if err != nil {
			t.Fatal(err)
		}
		packets, loud, last := 0, 0, 0.0
		for {
			u, err := src.Next(t.Context())
			if err != nil {
				break
			}
			tr := src.Info().Tracks[u.Packet.Track]
			if tr.Type == media.TrackAudio {
				packets++
				last = float64(u.Packet.PTS) * tr.TimeBase.Float()
				if len(u.Packet.Data) > 20 {
					loud++
				}
			}
		}
		src.Close()
		if packets < 60 || last < 1 || (loud > packets/2) != want {
			t.Errorf("%s: %d packets up to %.1f s, %d of them loud", device, packets, last, loud)
		}
	}
}

// TestScreen: a screen of X becomes a source.
func TestScreen(t *testing.T) {
	t.Parallel()
	xvfb, err := exec.LookPath("Xvfb")
	if err != nil {
		t.Skip("Xvfb is not installed")
	}
	const display = ":87"
	x := exec.Command(xvfb, display, "-screen", "0", "320x240x24", "-nolisten", "tcp")
	if err := x.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = x.Process.Kill(); _ = x.Wait() }()
	waitFor(t, "the screen", func() bool { _, err := os.Stat("/tmp/.X11-unix/X87"); return err == nil })
	var made atomic.Int32
	s := startSession(t, func(o *Options) { o.Source, o.Size, o.Rate = "x11:"+display, "160x120", "20" }, plainLevels(&made))
	waitFor(t, "frames of the screen", func() bool { st := s.Status(); return st.InSize == "160×120" && st.FPSOut > 0 })
}

func TestInputOptions(t *testing.T) {
	for _, change := range []func(*Options){
		func(o *Options) { o.Size = "640x480" },
		func(o *Options) { o.Source, o.Size = "v4l2:/dev/video0", "large" },
		func(o *Options) { o.Source, o.Rate = "v4l2:/dev/video0", "fast" },
		func(o *Options) { o.AudioDevice = "pulse:default" },
		func(o *Options) { o.Source, o.AudioDevice = "v4l2:/dev/video0", "default" },
		func(o *Options) { o.Source = "listen:https://x" },
		func(o *Options) { o.Source = "listen:/dev/video0" },
	} {
		o := Defaults()
		change(&o)
		if f, ok := fault.As(o.Validate()); !ok || f.Kind != fault.Usage || f.Hint == "" {
			t.Errorf("%+v: %v", o, o.Validate())
		}
	}
	o := Defaults()
	o.Source, o.Size, o.Rate, o.AudioDevice = "v4l2:/dev/video0", "1280x720", "30000/1001", "alsa:hw:1,0"
	if err := o.Validate(); err != nil {
		t.Error(err)
	}
	if in := o.inputOf(kindDevice, time.Second); in.name != "/dev/video0" || in.options.Format != "v4l2" || in.options.FFmpeg["video_size"] != "1280x720" || in.options.FFmpeg["framerate"] != "30000/1001" {
		t.Errorf("%+v", in)
	}
	for source, want := range map[string]string{"listen:rtmp://h:1/live/key": "listen:rtmp://h:1/live/...", "srt://u:p@h:1?passphrase=x": "srt://h:1", "clip.mp4": "clip.mp4", "v4l2:/dev/video0": "v4l2:/dev/video0"} {
		if got := sourceName(source); got != want {
			t.Errorf("%s is shown as %s, want %s", source, got, want)
		}
	}
}

// TestLossInWords: what FFmpeg calls an input/output error is a sentence on the page; what has words of its own keeps them.
func TestLossInWords(t *testing.T) {
	for want, err := range map[string]error{
		"the sender ended the connection, or does not send yet": fmt.Errorf("decode: %w", syscall.EIO),
		"nobody answers at the source's address":                fmt.Errorf("decode: %w", syscall.ECONNREFUSED),
		"the source has ended":                                  errEnded,
		silentFor(5 * time.Second).Error():                      silentFor(5 * time.Second),
	} {
		if got := plain(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
	address := freeAddress(t)
	s := startSession(t, func(o *Options) { o.Source = "rtmp://" + address + "/live/key_abcdef" })
	waitFor(t, "the state lost", func() bool { return s.Status().State == "lost" })
	if st := s.Status(); st.Error != "nobody answers at the source's address" {
		t.Errorf("the page is told %q", st.Error)
	}
}

// TestSendersAreMissedSoon: a sender of SRT that was killed, which says nothing, makes way after a second and a half, unless the address says otherwise.
func TestSendersAreMissedSoon(t *testing.T) {
	for source, want := range map[string]string{
		"listen:srt://127.0.0.1:9":               "srt://127.0.0.1:9?mode=listener&timeout=1500000",
		"listen:srt://127.0.0.1:9?timeout=90000": "srt://127.0.0.1:9?timeout=90000&mode=listener",
	} {
		o := Defaults()
		o.Source = source
		if in := o.inputOf(kindNetwork, time.Second); in.name != want || !in.listens {
			t.Errorf("%s: %+v, want %s", source, in, want)
		}
	}
}
