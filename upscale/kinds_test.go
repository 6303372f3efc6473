package upscale

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
)

// kind is a kind of input that people report trouble with, and what must be true of its outputs.
type kind struct {
	name   string
	file   string // name of the input
	recipe testmedia.Recipe
	edit   func([]byte) []byte // of the input's bytes
	outs   []string            // endings of outputs
	set    func(*Options)
	frames int
	at     func(n int) float64 // time of frame n in seconds; nil is that of 25 frames a second
	own    bool                // the input, by its muxer, has times of its own, which ffprobe tells
	check  func(t *testing.T, r Report, p *probed)
}

// probed is what ffprobe says of a file.
type probed struct {
	Streams []probedStream
	Format  struct{ Tags map[string]string }
	Frames  []struct {
		Time string `json:"best_effort_timestamp_time"`
	}
	Packets []struct {
		Stream int `json:"stream_index"`
	}
}

type probedStream struct {
	Index    int
	Kind     string `json:"codec_type"`
	Codec    string `json:"codec_name"`
	Pixels   string `json:"pix_fmt"`
	Width    int
	Height   int
	Aspect   string `json:"sample_aspect_ratio"`
	Start    string `json:"start_time"`
	Tags     map[string]string
	SideData []map[string]any `json:"side_data_list"`
}

// probe reads a file by ffprobe; tests without it are skipped.
func probe(t *testing.T, path string) *probed {
	t.Helper()
	tool, err := exec.LookPath("ffprobe")
	if err != nil {
		t.Skip("ffprobe, which tells independently what is in a file, is not here")
	}
	text, err := exec.Command(tool, "-v", "error", "-of", "json", "-show_streams", "-show_format", "-show_packets", "-show_frames", "-show_entries",
		"frame=media_type,best_effort_timestamp_time:packet=stream_index:stream:format:stream_tags:format_tags:stream_side_data", path).Output()
	if err != nil {
		t.Fatalf("ffprobe %s: %v", path, err)
	}
	// ffprobe mixes frames and packets where both are asked for.
	var all struct {
		probed
		Both []struct {
			Kind   string `json:"type"`
			Media  string `json:"media_type"`
			Time   string `json:"best_effort_timestamp_time"`
			Stream int    `json:"stream_index"`
		} `json:"packets_and_frames"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatalf("ffprobe %s: %v", path, err)
	}
	p := &all.probed
	for _, b := range all.Both {
		switch {
		case b.Kind == "packet":
			p.Packets = append(p.Packets, struct {
				Stream int `json:"stream_index"`
			}{b.Stream})
		case b.Media == "video":
			p.Frames = append(p.Frames, struct {
				Time string `json:"best_effort_timestamp_time"`
			}{b.Time})
		}
	}
	return p
}

// count is the number of streams of a kind.
func (p *probed) count(kind string) (n int) {
	for _, s := range p.Streams {
		if s.Kind == kind {
			n++
		}
	}
	return n
}

// packets is the number of packets of the nth stream of a kind, from 0.
func (p *probed) packets(kind string, nth int) (n int) {
	for _, s := range p.Streams {
		if s.Kind != kind {
			continue
		}
		if nth--; nth < 0 {
			for _, q := range p.Packets {
				if q.Stream == s.Index {
					n++
				}
			}
			return n
		}
	}
	return 0
}

// start is the first time of the first stream of a kind.
func (p *probed) start(kind string) float64 {
	for _, s := range p.Streams {
		if s.Kind == kind {
			v, _ := strconv.ParseFloat(s.Start, 64)
			return v
		}
	}
	return math.NaN()
}

// pattern is a moving test image of 64x48, in 25 frames a second unless changed.
func pattern(more string) testmedia.Stream {
	return testmedia.Stream{Source: "testsrc2=s=64x48:r=25:d=1" + more, Encoder: "libx264", Options: map[string]string{"preset": "ultrafast"}}
}

const yuv = ",format=yuv420p"

// tone is a second of sound.
func tone(encoder string) testmedia.Stream {
	source := map[string]string{"aac": ",aformat=fltp", "libmp3lame": ":samples_per_frame=1152,aformat=s16p", "ac3": ":samples_per_frame=1536,aformat=fltp", "mp2": ":samples_per_frame=1152", "wmav2": ":samples_per_frame=2048,aformat=fltp"}
	return testmedia.Stream{Source: "sine=d=1:r=48000" + source[encoder], Encoder: encoder}
}

// as encodes a stream by another encoder.
func as(s testmedia.Stream, encoder string, options ...string) testmedia.Stream {
	s.Encoder, s.Options = encoder, map[string]string{}
	for i := 0; i+1 < len(options); i += 2 {
		s.Options[options[i]] = options[i+1]
	}
	return s
}

func lossless(o *Options) { o.Encode.Codec, o.Encode.Preset = "ffv1", "" }

// kinds are what bug reports of ffmpeg, HandBrake, mkvtoolnix, video2x and Tdarr tell of.
func kinds() []kind {
	jitter := func(n int) float64 { return math.Round(90000*(float64(n)/25+0.004*math.Sin(float64(n)))) / 90000 }
	gap := func(n int) float64 { return float64(n+map[bool]int{true: 10}[n >= 8]) / 25 }
	list := []kind{
		{name: "variable rate and rotation of a phone", file: "in.mp4", recipe: testmedia.Recipe{Streams: []testmedia.Stream{func() testmedia.Stream {
			s := pattern(yuv + ",settb=1/90000,setpts='round((N/25+0.004*sin(N))/TB)'")
			s.SideData = []media.SideData{testmedia.Rotated()}
			return s
		}(), tone("aac")}, Options: map[string]string{"video_track_timescale": "90000"}}, outs: []string{".mp4", ".mov"}, frames: 25, at: jitter,
			check: func(t *testing.T, _ Report, p *probed) {
				if sd := p.Streams[0].SideData; len(sd) == 0 || fmt.Sprint(sd[0]["rotation"]) != "-90" {
					t.Errorf("side data %v, want a rotation by -90", sd)
				}
			}},
		{name: "AVI with OpenDML index", file: "in.avi", recipe: testmedia.Recipe{Streams: []testmedia.Stream{as(pattern(yuv), "mpeg4"), tone("libmp3lame")},
			Options: map[string]string{"reserve_index_space": "65536"}}, outs: []string{".mkv", ".mp4"}, frames: 25, own: true, check: hasAudio(41, 44)},
		{name: "audio that begins two seconds late", file: "in.mkv", recipe: testmedia.Recipe{Streams: []testmedia.Stream{pattern(":d=3" + yuv), func() testmedia.Stream {
			s := tone("ac3")
			s.Shift = 2
			return s
		}()}}, outs: []string{".mkv", ".mp4", ".mov", ".ts"}, frames: 75, check: func(t *testing.T, r Report, p *probed) {
			const want = 2 - 256./48000 // AC-3 has so many samples before the first
			if d := p.start("audio") - p.start("video"); math.Abs(d-want) > 0.001 {
				t.Errorf("the audio begins %.4f s after the video, want %.4f", d, want)
			}
		}},
		{name: "missing frames", file: "in.mp4", recipe: testmedia.Recipe{Streams: []testmedia.Stream{pattern(yuv + ",select='not(between(n,8,17))'")}}, outs: []string{".mp4", ".mkv", ".ts"}, frames: 15, at: gap},
		{name: "VP9 of 10 bits", file: "in.webm", recipe: testmedia.Recipe{Streams: []testmedia.Stream{as(pattern(",format=yuv420p10le"), "libvpx-vp9", "cpu-used", "8", "deadline", "realtime")}},
			outs: []string{".mkv", ".mp4"}, frames: 25, check: hasPixels("yuv420p10le")},
		{name: "4:4:0", file: "in.mkv", recipe: testmedia.Recipe{Streams: []testmedia.Stream{as(pattern(",format=yuv440p"), "ffv1")}}, outs: []string{".mkv"}, frames: 25, set: lossless, check: hasPixels("yuv444p")},
		{name: "gray of 10 bits", file: "in.mkv", recipe: testmedia.Recipe{Streams: []testmedia.Stream{as(pattern(",format=gray10le"), "ffv1")}}, outs: []string{".mkv"}, frames: 25, set: lossless, check: hasPixels("gray10le")},
		{name: "alpha beside VP8", file: "in.webm", recipe: testmedia.Recipe{Streams: []testmedia.Stream{func() testmedia.Stream {
			s := as(pattern(",format=yuva420p"), "libvpx", "auto-alt-ref", "0", "deadline", "realtime")
			s.Tags = map[string]string{"alpha_mode": "1"}
			return s
		}()}}, outs: []string{".mkv"}, frames: 25, set: lossless, check: hasPixels("yuva420p")},
		{name: "interlaced HEVC", file: "in.mkv", recipe: testmedia.Recipe{Streams: []testmedia.Stream{as(pattern(":s=128x96"+yuv), "libx265", "preset", "ultrafast", "x265-params", "interlace=tff:log-level=error:bframes=0")}},
			outs: []string{".mkv"}, frames: 25},
		{name: "MOV with an empty edit", file: "in.mov", recipe: testmedia.Recipe{Streams: []testmedia.Stream{func() testmedia.Stream {
			s := pattern(yuv)
			s.Shift = 1.52
			return s
		}(), tone("aac")}}, outs: []string{".mov", ".mkv"}, frames: 25, at: func(n int) float64 { return float64(n+38) / 25 }},
		{name: "Matroska with a wrong default duration", file: "in.mkv", recipe: testmedia.Recipe{Streams: []testmedia.Stream{pattern(yuv), tone("ac3")}, Options: map[string]string{"write_crc32": "0"}}, edit: func(b []byte) []byte {
			at := bytes.Index(b, []byte{0x23, 0xe3, 0x83}) // DefaultDuration, in ns
			n := int(b[at+3] &^ 0x80)
			for i, v := 0, uint64(291_958_331); i < n; i++ {
				b[at+3+n-i] = byte(v >> (8 * i))
			}
			return b
		}, outs: []string{".mkv", ".mp4"}, frames: 25},
		{name: "fonts with names of other scripts", file: "in.mkv", recipe: testmedia.Recipe{Streams: []testmedia.Stream{pattern(yuv), {Attachment: []byte("a font, or nearly"),
			Tags: map[string]string{"filename": "Übel 字体.ttf", "mimetype": "font/ttf"}}}}, outs: []string{".mkv"}, frames: 25, check: func(t *testing.T, _ Report, p *probed) {
			if p.count("attachment") != 1 || p.Streams[1].Tags["filename"] != "Übel 字体.ttf" {
				t.Errorf("%+v", p.Streams)
			}
		}},
		{name: "tags that are not UTF-8", file: "in.avi", recipe: testmedia.Recipe{Streams: []testmedia.Stream{as(pattern(yuv), "mpeg4")}, Tags: map[string]string{"title": "caf\xe9 \x80"}},
			outs: []string{".mkv", ".mp4"}, frames: 25, check: func(t *testing.T, _ Report, p *probed) {
				if got := p.Format.Tags["title"]; got != "café €" {
					t.Errorf("title %q", got)
				}
			}},
		{name: "FLV with B-frames", file: "in.flv", recipe: testmedia.Recipe{Streams: []testmedia.Stream{as(pattern(yuv), "libx264", "preset", "veryfast", "bf", "3"), tone("aac")}}, outs: []string{".mkv", ".mp4"}, frames: 25, check: hasAudio(45, 50)},
		{name: "Windows Media", file: "in.wmv", recipe: testmedia.Recipe{Streams: []testmedia.Stream{as(pattern(yuv), "wmv2"), as(tone("wmav2"), "wmav2", "b", "64000")}}, outs: []string{".mkv"}, frames: 25},
		{name: "MPEG program stream", file: "in.mpg", recipe: testmedia.Recipe{Streams: []testmedia.Stream{as(pattern(yuv), "mpeg2video", "bf", "2"), tone("mp2")}}, outs: []string{".mkv", ".ts"}, frames: 25, check: hasAudio(40, 43)},
		{name: "MXF", file: "in.mxf", recipe: testmedia.Recipe{Streams: []testmedia.Stream{as(pattern(",format=yuv422p"), "mpeg2video", "b", "2000000"), as(tone("pcm"), "pcm_s16le"), as(tone("pcm"), "pcm_s16le")}}, outs: []string{".mov", ".mkv"}, frames: 25,
			check: func(t *testing.T, _ Report, p *probed) {
				if p.count("audio") != 2 {
					t.Errorf("%d audio streams, want 2", p.count("audio"))
				}
			}},
		{name: "fragments", file: "in.mp4", recipe: testmedia.Recipe{Streams: []testmedia.Stream{pattern(yuv), tone("aac")}, Options: map[string]string{"movflags": "frag_keyframe+empty_moov", "frag_duration": "200000"}}, outs: []string{".mp4", ".mkv"}, frames: 25, own: true, check: hasAudio(45, 50)},
		{name: "a single frame", file: "in.mp4", recipe: testmedia.Recipe{Streams: []testmedia.Stream{{Source: "testsrc2=s=64x48:r=25:d=0.04" + yuv, Encoder: "libx264"}}}, outs: []string{".mp4", ".mkv", ".ts"}, frames: 1},
		{name: "a frame in two seconds", file: "in.mp4", recipe: testmedia.Recipe{Streams: []testmedia.Stream{{Source: "testsrc2=s=64x48:r=1/2:d=12" + yuv, Encoder: "libx264"}, tone("aac")}}, outs: []string{".mp4", ".mkv"}, frames: 6, at: func(n int) float64 { return 2 * float64(n) }},
		{name: "fine clock", file: "in.mp4", recipe: testmedia.Recipe{Streams: []testmedia.Stream{pattern(yuv)}, Options: map[string]string{"video_track_timescale": "16000000"}}, outs: []string{".mp4", ".mkv"}, frames: 25},
		{name: "packed 4:2:2 without compression", file: "in.avi", recipe: testmedia.Recipe{Streams: []testmedia.Stream{as(pattern(",format=yuyv422"), "rawvideo")}}, outs: []string{".mkv"}, set: lossless, frames: 25, check: hasPixels("yuv422p")},
		{name: "pixels that are not square", file: "in.mp4", recipe: testmedia.Recipe{Streams: []testmedia.Stream{pattern(yuv + ",setsar=40/33")}}, outs: []string{".mp4", ".mkv", ".ts"}, frames: 25, check: hasSize(128, 96, "40:33")},
		{name: "pixels made square", file: "in.mp4", recipe: testmedia.Recipe{Streams: []testmedia.Stream{pattern(yuv + ",setsar=3/2")}}, outs: []string{".mp4", ".mkv"}, frames: 25, set: func(o *Options) { o.SquarePixels = true }, check: hasSize(192, 96, "1:1")},
		{name: "the second of two videos", file: "in.mkv", recipe: testmedia.Recipe{Streams: []testmedia.Stream{pattern(yuv), {Source: "testsrc=s=32x24:r=25:d=0.4" + yuv, Encoder: "libx264"}}}, outs: []string{".mkv", ".mp4"}, frames: 10,
			set: func(o *Options) { o.Decode.VideoTrack = 2 }, check: func(t *testing.T, _ Report, p *probed) {
				if p.count("video") != 2 || p.Streams[1].Width != 64 || p.Streams[0].Width != 64 {
					t.Errorf("%+v", p.Streams)
				}
			}},
		{name: "timecode track", file: "in.mov", recipe: testmedia.Recipe{Streams: []testmedia.Stream{pattern(yuv)}, Tags: map[string]string{"timecode": "01:02:03:04"}}, outs: []string{".mov", ".mp4"}, frames: 25,
			check: func(t *testing.T, _ Report, p *probed) {
				if p.count("data") != 1 || p.Streams[0].Tags["timecode"] != "01:02:03:04" {
					t.Errorf("%+v", p.Streams)
				}
			}},
		{name: "timecode where there are no such tracks", file: "in.mov", recipe: testmedia.Recipe{Streams: []testmedia.Stream{pattern(yuv)}, Tags: map[string]string{"timecode": "01:02:03:04"}}, outs: []string{".mkv"}, frames: 25,
			check: func(t *testing.T, r Report, p *probed) {
				if len(r.Streams) < 2 || r.Streams[1].Action != encode.Dropped || !strings.Contains(strings.Join(r.Notes, "\n"), "stream 1 (data") {
					t.Errorf("%+v %q", r.Streams, r.Notes)
				}
			}},
		{name: "Dolby Vision in two tracks", file: "in.mp4", recipe: testmedia.Recipe{Streams: []testmedia.Stream{func() testmedia.Stream {
			s := as(pattern(":s=128x96"+yuv), "libx265", "preset", "ultrafast", "x265-params", "log-level=error")
			s.SideData = []media.SideData{testmedia.DolbyVision(true)}
			return s
		}(), func() testmedia.Stream {
			s := as(pattern(":s=64x64"+yuv), "libx265", "preset", "ultrafast", "x265-params", "log-level=error")
			s.SideData = []media.SideData{testmedia.DolbyVision(false)}
			return s
		}()}}, outs: []string{".mkv", ".mp4"}, frames: 25, check: func(t *testing.T, r Report, p *probed) {
			if notes := strings.Join(r.Notes, "\n"); p.count("video") != 1 || !strings.Contains(notes, "enhancement layer") || !strings.Contains(notes, "Dolby Vision metadata left out") {
				t.Errorf("%d videos, %q", p.count("video"), r.Notes)
			}
		}},
		{name: "frame packing that only the bitstream tells", file: "in.mp4", recipe: testmedia.Recipe{Streams: []testmedia.Stream{as(pattern(yuv), "libx264", "preset", "ultrafast", "x264-params", "frame-packing=3")}},
			outs: []string{".mkv", ".mp4"}, frames: 25, check: func(t *testing.T, _ Report, p *probed) {
				if !strings.Contains(fmt.Sprint(p.Streams[0].SideData), "Stereo 3D") {
					t.Errorf("side data %v", p.Streams[0].SideData)
				}
			}},
		{name: "two lines of text at one time", file: "in.mkv", recipe: testmedia.Recipe{Streams: []testmedia.Stream{pattern(yuv), {Decoder: "subrip", Packets: []*media.Packet{
			{PTS: 100, DTS: 100, Duration: 500, Data: []byte("one")}, {PTS: 100, DTS: 100, Duration: 700, Data: []byte("two")}, {PTS: 700, DTS: 700, Duration: 100, Data: []byte("three")}}}}},
			outs: []string{".mkv", ".mp4"}, frames: 25, check: func(t *testing.T, r Report, p *probed) {
				if n := p.packets("subtitle", 0); n < 3 {
					t.Errorf("%d packets of subtitles, want 3 at least", n)
				}
			}},
	}
	for _, s := range [][2]int{{1, 1}, {3, 3}, {1, 40}, {41, 2}} {
		list = append(list, kind{name: fmt.Sprintf("%dx%d", s[0], s[1]), file: "in.mkv", recipe: testmedia.Recipe{Streams: []testmedia.Stream{as(testmedia.Stream{
			Source: fmt.Sprintf("testsrc2=s=64x64:r=25:d=0.2,crop=%d:%d:exact=1,format=yuv444p", s[0], s[1])}, "ffv1", "slices", "1")}}, outs: []string{".mkv"}, frames: 5, set: lossless, check: hasSize(2*s[0], 2*s[1], "1:1")})
	}
	return list
}

func hasAudio(least, most int) func(*testing.T, Report, *probed) {
	return func(t *testing.T, _ Report, p *probed) {
		if n := p.packets("audio", 0); n < least || n > most {
			t.Errorf("%d packets of audio, want %d to %d", n, least, most)
		}
	}
}

func hasPixels(name string) func(*testing.T, Report, *probed) {
	return func(t *testing.T, _ Report, p *probed) {
		if got := p.Streams[0].Pixels; got != name {
			t.Errorf("frames of %s, want %s", got, name)
		}
	}
}

func hasSize(w, h int, aspect string) func(*testing.T, Report, *probed) {
	return func(t *testing.T, _ Report, p *probed) {
		if s := p.Streams[0]; s.Width != w || s.Height != h || s.Aspect != aspect && !(aspect == "1:1" && (s.Aspect == "" || s.Aspect == "0:1")) {
			t.Errorf("%dx%d with pixels of %q, want %dx%d of %s", s.Width, s.Height, s.Aspect, w, h, aspect)
		}
	}
}

// TestKinds runs kinds of input that the cases of other tests do not have: all frames come out, at their times, with what belongs to them.
func TestKinds(t *testing.T) {
	weights := tinyWeights(t)
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			dir := t.TempDir()
			in := filepath.Join(dir, k.file)
			for _, s := range k.recipe.Streams {
				if s.Encoder != "" && !testmedia.Has(s.Encoder) {
					t.Skip("this FFmpeg has no " + s.Encoder)
				}
			}
			if err := k.recipe.Write(in); err != nil {
				t.Fatal(err)
			}
			if k.edit != nil {
				b, err := os.ReadFile(in)
				if err == nil {
					err = os.WriteFile(in, k.edit(b), 0o666)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if k.own {
				source := probe(t, in)
				k.at = func(n int) float64 {
					v, _ := strconv.ParseFloat(source.Frames[n].Time, 64)
					return v
				}
			}
			for _, ending := range k.outs {
				o := tinyOptions(t, filepath.Join(dir, "out"+ending))
				o.Model, o.Resume = weights, false
				if k.set != nil {
					k.set(&o)
				}
				r := runImage(t, in, o)
				p := probe(t, o.Output)
				k.frameTimes(t, ending, r, p)
				if k.check != nil {
					k.check(t, r, p)
				}
			}
		})
	}
}

// frameTimes checks number and times of the frames against what the recipe says. Containers whose clock has no origin are measured from
// their first frame.
func (k kind) frameTimes(t *testing.T, ending string, r Report, p *probed) {
	t.Helper()
	first := k.recipe.Streams[0]
	videos := p.count("video")
	if r.Frames.Out != int64(k.frames) || videos == 1 && len(p.Frames) != k.frames {
		t.Errorf("%s: %d frames in the report, %d by ffprobe, want %d", ending, r.Frames.Out, len(p.Frames), k.frames)
		return
	}
	if videos > 1 {
		return
	}
	at := k.at
	if at == nil {
		at = func(n int) float64 { return float64(n) / 25 }
	}
	slack := 0.0006
	if slices.Contains([]string{".mp4", ".mov"}, ending) && filepath.Ext(k.file) == ending {
		slack = 0.00002
	}
	var base float64
	for n, f := range p.Frames {
		got, err := strconv.ParseFloat(f.Time, 64)
		if err != nil {
			t.Errorf("%s: frame %d has no time", ending, n)
			return
		}
		if n == 0 && first.Shift == 0 {
			base = got - at(0)
			if math.Abs(base) > 0.2 {
				t.Errorf("%s: the first frame is at %.4f s", ending, got)
			}
		}
		if math.Abs(got-base-at(n)) > 2*slack {
			t.Errorf("%s: frame %d is at %.5f s, want %.5f", ending, n, got-base, at(n))
			return
		}
	}
}

// A named pipe is read once, as standard input is.
func TestNamedPipe(t *testing.T) {
	for _, c := range []struct{ ending, movflags string }{{".mp4", "frag_keyframe+empty_moov"}, {".ts", ""}, {".mkv", ""}} {
		t.Run(c.ending, func(t *testing.T) {
			dir := t.TempDir()
			in, pipe := filepath.Join(dir, "in"+c.ending), filepath.Join(dir, "pipe"+c.ending)
			r := testmedia.Recipe{Streams: []testmedia.Stream{pattern(yuv), tone("aac")}}
			if c.movflags != "" {
				r.Options = map[string]string{"movflags": c.movflags}
			}
			if err := r.Write(in); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Skip(err)
			}
			b, err := os.ReadFile(in)
			if err != nil {
				t.Fatal(err)
			}
			go os.WriteFile(pipe, b, 0o600)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			j, err := Open(ctx, pipe, tinyOptions(t, filepath.Join(dir, "out.mkv")))
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			if r, err := j.Run(ctx); err != nil || r.Frames.Out != 25 {
				t.Errorf("%d frames: %v", r.Frames.Out, err)
			}
		})
	}
}

// What holds no frame is refused as such, and leaves nothing behind.
func TestKindsWithoutVideo(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, r testmedia.Recipe) string {
		path := filepath.Join(dir, name)
		if err := r.Write(path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cover := as(testmedia.Stream{Source: "testsrc2=s=32x32:r=1:d=1,format=yuvj420p"}, "mjpeg")
	cover.Flags = 0x400 // AV_DISPOSITION_ATTACHED_PIC
	empty := filepath.Join(dir, "empty.mp4")
	if err := os.WriteFile(empty, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	header := write("header.mkv", testmedia.Recipe{Streams: []testmedia.Stream{pattern(yuv)}})
	b, _ := os.ReadFile(header)
	if err := os.WriteFile(header, b[:bytes.Index(b, []byte{0x1f, 0x43, 0xb6, 0x75})], 0o666); err != nil { // up to the first cluster
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, says string
		novideo    bool
	}{
		{write("cover.m4a", testmedia.Recipe{Streams: []testmedia.Stream{tone("aac"), cover}, Muxer: "ipod"}), "only cover art", true},
		{write("sound.mka", testmedia.Recipe{Streams: []testmedia.Stream{tone("aac")}, Muxer: "matroska"}), "no video stream", true},
		{empty, "empty", false},
		{header, "ends too early", false},
	} {
		o := tinyOptions(t, filepath.Join(dir, "out.mkv"))
		_, err := Open(t.Context(), c.path, o)
		if err == nil || Classify(err).Kind != Input || NoVideo(err) != c.novideo || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v (no video: %v)", filepath.Base(c.path), err, NoVideo(err))
		}
		if fileExists(o.Output) {
			t.Errorf("%s: an output is there", filepath.Base(c.path))
		}
	}
}

// joinParts writes recipes one behind the other, as broadcasters and cat do, with so many packets that carry nothing between.
func joinParts(t *testing.T, nothing int, parts ...testmedia.Recipe) string {
	t.Helper()
	var all []byte
	for i, r := range parts {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("%d.ts", i))
		if err := r.Write(path); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			all = append(all, bytes.Repeat(append([]byte{0x47, 0x1f, 0xff, 0x10}, make([]byte, 184)...), nothing)...)
		}
		all = append(all, b...)
	}
	path := filepath.Join(t.TempDir(), "joined.ts")
	if err := os.WriteFile(path, all, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// A transport stream whose table of streams changes in mid-file: where the streams have other numbers they go on; a stream that becomes another
// codec ends there, with a word.
func TestKindTableChanges(t *testing.T) {
	part := func(pid, audio string, seconds int, by float64) testmedia.Recipe {
		v, a := pattern(fmt.Sprintf(":d=%d", seconds)+yuv), tone(audio)
		a.Source = strings.Replace(a.Source, "d=1", fmt.Sprintf("d=%d", seconds), 1)
		v.Shift, a.Shift = by, by
		return testmedia.Recipe{Streams: []testmedia.Stream{v, a}, Options: map[string]string{"mpegts_start_pid": pid, "mpegts_copyts": "1"}}
	}
	for _, c := range []struct {
		audio   string
		nothing int // packets between the parts: FFmpeg looks for tables in the first 5 MB
		packets int
		says    string
	}{{"mp2", 0, 83, ""}, {"mp2", 30000, 83, ""}, {"ac3", 30000, 42, "changes its codec in mid-file"}} {
		in := joinParts(t, c.nothing, part("0x100", "mp2", 1, 0), part("0x200", c.audio, 1, 1))
		const frames = 50
		for _, ending := range []string{".mkv", ".ts"} {
			o := tinyOptions(t, filepath.Join(t.TempDir(), "out"+ending))
			o.Resume = false
			r := runImage(t, in, o)
			p := probe(t, o.Output)
			if int(r.Frames.Out) != frames || len(p.Frames) != frames || p.count("video") != 1 || p.count("audio") != 1 {
				t.Errorf("%s to %s: %d frames in the report, %d by ffprobe, %d videos, %d audio streams", c.audio, ending, r.Frames.Out, len(p.Frames), p.count("video"), p.count("audio"))
			}
			if n := p.packets("audio", 0); n < c.packets-3 || n > c.packets+3 || c.says != "" && !strings.Contains(strings.Join(r.Notes, "\n"), c.says) {
				t.Errorf("%s to %s: %d packets of audio; %q", c.audio, ending, n, r.Notes)
			}
		}
	}
}

// A recording that begins in the middle of a group of frames, and a file whose end is missing: what decodes comes out, and the rest is told.
func TestKindCut(t *testing.T) {
	dir := t.TempDir()
	long := as(pattern(":d=2"+yuv), "libx264", "preset", "veryfast", "g", "10", "bf", "2", "x264-params", "open-gop=1")
	for name, cut := range map[string]func([]byte) []byte{
		"head.ts":  func(b []byte) []byte { return b[188*30:] },
		"tail.mkv": func(b []byte) []byte { return b[:len(b)*2/3] },
	} {
		in := filepath.Join(dir, name)
		if err := (testmedia.Recipe{Streams: []testmedia.Stream{long, tone("aac")}}).Write(in); err != nil {
			t.Fatal(err)
		}
		b, _ := os.ReadFile(in)
		if err := os.WriteFile(in, cut(b), 0o666); err != nil {
			t.Fatal(err)
		}
		whole := len(probe(t, in).Frames)
		o := tinyOptions(t, filepath.Join(dir, "out"+filepath.Ext(name)))
		o.Resume = false
		r := runImage(t, in, o)
		if n := len(probe(t, o.Output).Frames); n != whole || int64(n) != r.Frames.Out || n < 20 || n > 49 {
			t.Errorf("%s: %d frames of %d", name, n, whole)
		}
	}
}

// A sequence of images, into images and into a video, goes on where it was stopped, and the output is that of a run in one go.
func TestSequenceIsResumed(t *testing.T) {
	dir := t.TempDir()
	if err := (testmedia.Recipe{Streams: []testmedia.Stream{as(pattern(":d=2.4,format=rgb24"), "png")}, Muxer: "image2"}).Write(filepath.Join(dir, "f%03d.png")); err != nil {
		t.Fatal(err)
	}
	in := filepath.Join(dir, "f%03d.png")
	for _, name := range []string{"o%d.png", "o.mp4"} {
		whole, parts := filepath.Join(dir, "whole"), filepath.Join(dir, "parts")
		o := tinyOptions(t, filepath.Join(whole, name))
		if err := os.MkdirAll(whole, 0o777); err != nil {
			t.Fatal(err)
		}
		runImage(t, in, o)
		o.Output = filepath.Join(parts, name)
		_ = os.MkdirAll(parts, 0o777)
		stop := make(chan struct{})
		o.Stop = stop
		j, err := Open(t.Context(), in, o)
		if err != nil {
			t.Fatal(err)
		}
		j.now = slowClock(40, func() { close(stop) })
		if _, err := j.Run(t.Context()); Classify(err).Kind != Interrupted {
			t.Fatalf("%s: %v, want an interruption", name, err)
		}
		o.Stop = nil
		r := runImage(t, in, o)
		if r.Frames.Resumed < 16 || r.Frames.Out != 60 {
			t.Errorf("%s: %d frames, %d of them from before", name, r.Frames.Out, r.Frames.Resumed)
		}
		files, _ := filepath.Glob(filepath.Join(whole, "o*"))
		if want := map[string]int{"o%d.png": 60, "o.mp4": 1}[name]; len(files) != want {
			t.Fatalf("%s: %d files", name, len(files))
		}
		for _, path := range files {
			a, _ := os.ReadFile(path)
			b, err := os.ReadFile(filepath.Join(parts, filepath.Base(path)))
			if err != nil || !bytes.Equal(a, b) {
				t.Fatalf("%s: another output, of %d bytes instead of %d (%v)", filepath.Base(path), len(b), len(a), err)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(parts, ".*")); len(left) > 0 {
			t.Errorf("%s: left behind: %v", name, left)
		}
		os.RemoveAll(whole)
		os.RemoveAll(parts)
	}
}

// EXR holds linear light: it comes out as sRGB.
func TestEXR(t *testing.T) {
	if !testmedia.Has("exr") {
		t.Skip("this FFmpeg has no exr")
	}
	dir := t.TempDir()
	in := filepath.Join(dir, "in.exr")
	s := as(testmedia.Stream{Source: "color=c=0x808080:s=40x24:r=1:d=1,format=gbrpf32le"}, "exr")
	if err := (testmedia.Recipe{Streams: []testmedia.Stream{s}, Muxer: "image2", Options: map[string]string{"update": "1"}}).Write(in); err != nil {
		t.Fatal(err)
	}
	runImage(t, in, imageOptions(filepath.Join(dir, "out.png")))
	got, _, _, _ := readImage(t, filepath.Join(dir, "out.png")).At(40, 24).RGBA()
	if want := 188.0; math.Abs(float64(got)/257-want) > 3 { // the sRGB curve of 128/255
		t.Errorf("linear 0.5 is shown as %.1f of 255, want %.0f", float64(got)/257, want)
	}
}

// A DVD's first subtitle comes behind all that FFmpeg probes: it is kept.
func TestCaseLateSubtitle(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in.vob")
	box := []byte{0, 30, 0, 10, 0, 1, 0, 1, 0, 1, 0, 0, 0, 28, 3, 0x32, 0x10, 4, 0xff, 0xf0, 1, 0xff, 0, 0, 0, 0, 0, 0, 0, 0}
	if err := (testmedia.Recipe{Streams: []testmedia.Stream{as(pattern(yuv), "mpeg2video"), tone("mp2"),
		{Decoder: "dvdsub", Packets: []*media.Packet{{PTS: 800, DTS: 800, Duration: 100, Data: box}}}}}).Write(in); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(in)
	if err != nil {
		t.Fatal(err)
	}
	sub := -1
	for at := 0; ; at++ { // private stream 1, substream 0x20
		n := bytes.Index(b[at:], []byte{0, 0, 1, 0xbd})
		if n < 0 {
			break
		}
		at += n
		if b[at+9+int(b[at+8])] == 0x20 {
			sub = at
			break
		}
	}
	if sub < 0 {
		t.Fatal("the muxer wrote no subtitle")
	}
	sub = bytes.LastIndex(b[:sub], []byte{0, 0, 1, 0xba})
	padding := append([]byte{0, 0, 1, 0xbe, 0x07, 0xfa}, bytes.Repeat([]byte{0xff}, 0x7fa)...) // 2048 bytes
	late := slices.Concat(b[:sub], bytes.Repeat(padding, 6<<20/len(padding)), b[sub:])
	if err := os.WriteFile(in, late, 0o666); err != nil {
		t.Fatal(err)
	}
	o := tinyOptions(t, filepath.Join(dir, "out.mkv"))
	r := runImage(t, in, o)
	p := probe(t, o.Output)
	if r.Frames.Out != 25 || p.count("subtitle") != 1 || p.packets("subtitle", 0) != 1 {
		t.Errorf("%d frames, %d subtitle streams with %d packets; %+v", r.Frames.Out, p.count("subtitle"), p.packets("subtitle", 0), r.Streams)
	}
}

// Subtitles that are images go where the container has a place for them, as they are, else they are named; PGS, DVD's, and DVB's with two sets at one time.
func TestCaseBitmapSubtitles(t *testing.T) {
	segment := func(kind byte, body ...byte) []byte { return append([]byte{kind, 0, byte(len(body))}, body...) }
	pgs := slices.Concat(segment(0x16, 0, 64, 0, 48, 0x10, 0, 1, 0x80, 0, 0, 0), segment(0x17, 1, 0, 0, 8, 0, 8, 0, 16, 0, 8), segment(0x80))
	dvb := []byte{0x0f, 0x10, 0, 1, 0, 2, 5, 0x08, 0x0f, 0x80, 0, 1, 0, 0}
	dvd := []byte{0, 30, 0, 10, 0, 1, 0, 1, 0, 1, 0, 0, 0, 28, 3, 0x32, 0x10, 4, 0xff, 0xf0, 1, 0xff, 0, 0, 0, 0, 0, 0, 0, 0}
	packets := func(data []byte, at ...int64) (list []*media.Packet) {
		for _, ms := range at {
			list = append(list, &media.Packet{PTS: ms, DTS: ms, Duration: 300, Data: data})
		}
		return list
	}
	weights := tinyWeights(t)
	for _, c := range []struct {
		decoder string
		extra   []byte
		packets []*media.Packet
		in      string
		outs    map[string]bool // ending: whether they are in it
	}{
		{"pgssub", nil, packets(pgs, 100, 600), ".mkv", map[string]bool{".mkv": true, ".m2ts": true, ".ts": false, ".mp4": false}},
		{"pgssub", nil, packets(pgs, 100, 600), ".m2ts", map[string]bool{".mkv": true, ".m2ts": true, ".ts": false}},
		{"dvdsub", []byte("size: 64x48\npalette: 000000, ffffff\n"), packets(dvd, 100, 600), ".mkv", map[string]bool{".mkv": true, ".mp4": true, ".ts": false}},
		{"dvbsub", []byte{0, 1, 0, 1, 0x10}, packets(dvb, 100, 100, 600), ".ts", map[string]bool{".ts": true, ".mkv": true, ".mp4": false}},
	} {
		in := filepath.Join(t.TempDir(), "in"+c.in)
		if err := (testmedia.Recipe{Streams: []testmedia.Stream{pattern(yuv), {Decoder: c.decoder, Extra: c.extra, Packets: c.packets}}}).Write(in); err != nil {
			t.Fatal(err)
		}
		for ending, kept := range c.outs {
			o := tinyOptions(t, filepath.Join(t.TempDir(), "out"+ending))
			o.Model, o.Resume = weights, false
			r := runImage(t, in, o)
			n := probe(t, o.Output).packets("subtitle", 0)
			named := strings.Contains(strings.Join(r.Notes, "\n"), "(subtitle ")
			if kept && n != len(c.packets) || !kept && n != 0 || named == kept {
				t.Errorf("%s of %s to %s: %d packets of %d, %q", c.decoder, c.in, ending, n, len(c.packets), r.Notes)
			}
		}
	}
}

// Speex of an FLV is kept where the container holds it, and becomes AAC elsewhere.
func TestCaseSpeex(t *testing.T) {
	if !testmedia.Has("libspeex") {
		t.Skip("this FFmpeg has no libspeex")
	}
	in := filepath.Join(t.TempDir(), "in.flv")
	speex := as(testmedia.Stream{Source: "sine=d=1:r=16000:samples_per_frame=320"}, "libspeex")
	if err := (testmedia.Recipe{Streams: []testmedia.Stream{as(pattern(yuv), "flv"), speex}}).Write(in); err != nil {
		t.Fatal(err)
	}
	for ending, codec := range map[string]string{".mkv": "speex", ".mp4": "aac"} {
		o := tinyOptions(t, filepath.Join(t.TempDir(), "out"+ending))
		o.Resume = false
		r := runImage(t, in, o)
		p := probe(t, o.Output)
		at := slices.IndexFunc(p.Streams, func(s probedStream) bool { return s.Kind == "audio" })
		if at < 0 || p.Streams[at].Codec != codec || p.packets("audio", 0) < map[string]int{"speex": 48, "aac": 15}[codec] || len(p.Frames) != 25 {
			t.Errorf("%s: %d frames, %d packets of %+v; %+v", ending, len(p.Frames), p.packets("audio", 0), p.Streams, r.Streams)
		}
	}
}

// What says how a video is to be looked at - as a sphere, or with two eyes - is kept or named.
func TestKindShapes(t *testing.T) {
	v := pattern(yuv)
	v.SideData = []media.SideData{testmedia.SideBySide(), testmedia.Sphere()}
	for _, name := range []string{"in.mkv", "in.mp4"} {
		in := filepath.Join(t.TempDir(), name)
		if err := (testmedia.Recipe{Streams: []testmedia.Stream{v}}).Write(in); err != nil {
			t.Fatal(err)
		}
		if n := len(probe(t, in).Streams[0].SideData); n < 2 {
			t.Fatalf("%s: the premise: %d of side data", name, n)
		}
		for ending, kept := range map[string]bool{".mkv": true, ".mp4": true, ".mov": false, ".ts": false} {
			o := tinyOptions(t, filepath.Join(t.TempDir(), "out"+ending))
			r := runImage(t, in, o)
			var types []string
			for _, sd := range probe(t, o.Output).Streams[0].SideData {
				types = append(types, fmt.Sprint(sd["side_data_type"]))
			}
			have := strings.Contains(strings.Join(types, ","), "Stereo 3D") && strings.Contains(strings.Join(types, ","), "Spherical Mapping")
			notes := strings.Join(r.Notes, "\n")
			named := strings.Contains(notes, "sphere") && strings.Contains(notes, "eyes")
			if have != kept || named == kept {
				t.Errorf("%s to %s: %v, named %v", name, ending, types, named)
			}
		}
	}
}
