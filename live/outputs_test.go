package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vsr/decode"
	"vsr/internal/fault"
	"vsr/live/output"
	"vsr/media"
)

// flashes is a source that is black and silent but for a tenth of each second, when it is white and a tone sounds.
const flashes = "lavfi:color=black:s=64x48:r=30,geq=lum='if(lt(mod(T,1),0.1),235,16)':cb=128:cr=128[out0];" +
	"aevalsrc='if(lt(mod(t,1),0.1),sin(2*PI*1000*t)+0.3*random(0),0)':s=48000[out1]"

// onsets are the times, in seconds, at which frames turn white and packets of audio grow.
type onsets struct {
	video, audio  []float64
	white, loud   bool
	frames, sound int
}

func (o *onsets) take(src *decode.Source, u media.Unit) {
	switch {
	case u.Frame != nil:
		white := u.Frame.Row(0, 20)[20] > 128
		if white && !o.white && o.frames > 0 {
			o.video = append(o.video, float64(u.Frame.PTS)*src.Info().VideoTrack().TimeBase.Float())
		}
		o.white = white
		o.frames++
	case u.Packet != nil && src.Info().Tracks[u.Packet.Track].Type == media.TrackAudio:
		loud := len(u.Packet.Data) > 60 // of 20 ms; those of silence have some ten bytes
		if loud && !o.loud && o.sound > 0 {
			o.audio = append(o.audio, float64(u.Packet.PTS)*src.Info().Tracks[u.Packet.Track].TimeBase.Float())
		}
		o.loud = loud
		o.sound++
	}
}

// apart is by how many milliseconds the nearest tone is later than each flash.
func (o *onsets) apart() (all []float64) {
	for _, v := range o.video[:len(o.video)-1] {
		apart := 9.0
		for _, a := range o.audio {
			if d := a - v; math.Abs(d) < math.Abs(apart) {
				apart = d
			}
		}
		all = append(all, 1000*apart)
	}
	return all
}

// check compares the flashes with their tones, and goes by the one in the middle: a busy machine drops the frame in which a flash begins, or
// delays a packet for programs that go by its time, and that flash alone comes late. A fault of the time stamps moves all.
func (o *onsets) check(t *testing.T, where string) {
	t.Helper()
	if len(o.video) < 5 || len(o.audio) < 5 {
		t.Errorf("%s: %d flashes and %d tones in %d frames and %d packets", where, len(o.video), len(o.audio), o.frames, o.sound)
		return
	}
	all := o.apart()
	t.Logf("%s: audio beside the video, in ms, flash by flash: %.0f", where, all)
	slices.Sort(all)
	if middle := all[len(all)/2]; math.Abs(middle) > 50 {
		t.Errorf("%s: audio is %+.0f ms beside the video in the middle", where, middle)
	}
}

// listen takes a stream of RTMP until it has seen so many flashes.
func (o *onsets) listen(ctx context.Context, address string, options map[string]string, flashes int) error {
	src, err := decode.Open(ctx, address, decode.Options{Network: strings.Contains(address, "://"), Threads: 1, FFmpeg: options})
	if err != nil {
		return err
	}
	defer src.Close()
	for len(o.video) < flashes {
		u, err := src.Next(ctx)
		if errors.Is(err, media.ErrFormatChanged) {
			continue
		}
		if err != nil {
			return err
		}
		o.take(src, u)
		u.Release()
	}
	return nil
}

// TestOutputsAreInStep: audio and video of a source come in step to a server of RTMP and into a recording, /status lists both, and /control stops and
// starts one.
func TestOutputsAreInStep(t *testing.T) {
	t.Parallel()
	record := filepath.Join(t.TempDir(), "rec.mkv")
	address := "rtmp://" + freeAddress(t) + "/live/key_abcdef"
	var made atomic.Int32
	s := startSession(t, func(o *Options) {
		o.Source, o.Record, o.Push = flashes, record, output.Addresses{output.Address(address + "#name=server")}
	}, plainLevels(&made))
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	var sent, kept onsets
	if err := sent.listen(ctx, address, map[string]string{"listen": "1"}, 6); err != nil {
		t.Fatalf("%v; %+v", err, s.Status().Outputs)
	}
	sent.check(t, "RTMP")
	control := func(body string) int {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, client(s).Base+"/control", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.server.Token())
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	for body, want := range map[string]int{`{"output": "recording rec.mkv", "run": false}`: 204, `{"output": "none", "run": false}`: 404, `{"output": "server"}`: 400,
		`{"output": "server", "run": true, "enhance": true}`: 400} {
		if got := control(body); got != want {
			t.Errorf("%s: %d, want %d", body, got, want)
		}
	}
	waitFor(t, "the recording to stop", func() bool { return s.Status().Outputs[1].State == output.StateStopped })
	text, err := json.Marshal(s.Status())
	if err != nil || bytes.Contains(text, []byte("key_abcdef")) || !bytes.Contains(text, []byte(`"name":"server"`)) {
		t.Errorf("%s, %v", text, err)
	}
	if err := kept.listen(ctx, record, nil, 99); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	kept.check(t, "recording")
}

// TestRecordingNeverReplaces: a file that is there ends the program before it begins.
func TestRecordingNeverReplaces(t *testing.T) {
	o := Defaults()
	o.Listen, o.Record = "127.0.0.1:0", filepath.Join(t.TempDir(), "rec.mkv")
	if err := os.WriteFile(o.Record, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := Open(o)
	if f, ok := fault.As(err); !ok || f.Kind != fault.Output || !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v, %v", s, err)
	}
	o.Record, o.Push = "", output.Addresses{"ftp://h/secret_key"}
	if _, err := Open(o); err == nil || strings.Contains(fmt.Sprint(err), "secret_key") {
		t.Errorf("an address that is none: %v", err)
	}
}
