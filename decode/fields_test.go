package decode_test

import (
	"context"
	"errors"
	"io"
	"math"
	"path/filepath"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
	"vsr/media"
)

// moment draws what a camera sees at moment n: a clock and a bright bar that moves.
func moment(f media.Format, n int) *media.Frame {
	fr := media.NewFrame(f)
	for p := range f.Planes() {
		w, h := f.PlaneSize(p)
		for y := range h {
			for x := range w {
				v := 128
				if p == 0 {
					v = 60 + int(40*math.Sin(float64(x-6*n)/9)+20*math.Sin(float64(y)/7))
				}
				fr.Row(p, y)[x] = byte(v)
			}
		}
	}
	testmedia.DrawClock(fr, n)
	return fr
}

// writeFields writes an interlaced video, bottom field first. fields holds, two for each frame, the moments that the fields show.
func writeFields(t *testing.T, fields []int, rate media.Rational, flags string) string {
	t.Helper()
	f := media.Format{Width: 320, Height: 192, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: media.MatrixSMPTE170M, Range: media.RangeLimited, Primaries: 6, Transfer: 6, Siting: 1}}
	s, err := testmedia.New(testmedia.Options{Format: f, Frames: len(fields) / 2, Rate: rate})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	path := filepath.Join(t.TempDir(), "fields.mp4")
	sink, err := encode.CreateFile(path, s.Info(), encode.Options{Preset: "veryfast", CRF: 8, FFmpeg: map[string]string{"flags": flags}}, encode.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(fields); i += 2 {
		bottom, top := moment(f, fields[i]), moment(f, fields[i+1])
		for p := range f.Planes() {
			_, h := f.PlaneSize(p)
			for y := 1; y < h; y += 2 {
				copy(top.Row(p, y), bottom.Row(p, y))
			}
		}
		top.PTS = int64(i / 2 * 512)
		if err := sink.Write(context.Background(), media.Unit{Frame: top}); err != nil {
			t.Fatal(err)
		}
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

const interlacedFlags = "+ilme+ildct"

type shown struct {
	at    float64 // seconds
	n     int     // moment by the clock, -1 where two are mixed
	phase float64 // of the waves, which move by 6/9 in each moment
}

// phaseOf measures where the waves of moment are.
func phaseOf(f *media.Frame) float64 {
	var re, im float64
	for y := 100; y < f.Height; y++ {
		row := f.Row(0, y)
		for x := range 283 { // five waves
			v := float64(row[x])
			re, im = re+v*math.Sin(float64(x)/9), im-v*math.Cos(float64(x)/9)
		}
	}
	return math.Atan2(im, re)
}

func framesOf(t *testing.T, path string, o decode.Options) (list []shown, info *media.Info, stats decode.Stats) {
	t.Helper()
	s, err := decode.Open(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for {
		u, err := s.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return list, s.Info(), s.Stats()
		}
		if err != nil {
			t.Fatal(err)
		}
		if u.Frame != nil {
			n, ok := testmedia.Clock(u.Frame)
			if !ok {
				n = -1
			}
			list = append(list, shown{float64(u.Frame.PTS) * s.Info().VideoTrack().TimeBase.Float(), n, phaseOf(u.Frame)})
		}
		u.Release()
	}
}

var ntsc, pal = media.Rational{Num: 30000, Den: 1001}, media.Rational{Num: 25, Den: 1}

// With a frame for each field every moment is shown, at its own time, also where some frames are not interlaced.
func TestFieldRate(t *testing.T) {
	var fields []int
	for n := range 40 {
		fields = append(fields, 100+n)
	}
	path := writeFields(t, fields, pal, interlacedFlags)
	list, info, _ := framesOf(t, path, decode.Options{FieldRate: true})
	if len(list) != 40 || info.FrameRate.Float() != 50 {
		t.Fatalf("%d frames at %v, want 40 at 50", len(list), info.FrameRate)
	}
	for i, f := range list {
		if math.Abs(f.at-float64(i)/50) > 1e-9 {
			t.Fatalf("frame %d is at %.5f s, want %.5f", i, f.at, float64(i)/50)
		}
		if off := math.Remainder(f.phase-float64(100+i)*6/9, 2*math.Pi); math.Abs(off) > 0.1 {
			t.Errorf("frame %d is %.2f moments off", i, off*9/6)
		}
	}
	late, _, _ := framesOf(t, path, decode.Options{FieldRate: true, Start: 0.41, KeepTimes: true})
	if len(late) != 40-21 || math.Abs(late[0].at-0.42) > 1e-9 || late[0] != list[21] {
		t.Errorf("from 0.41 s: %d frames, the first %+v, want 19 from %+v", len(late), late[0], list[21])
	}
	still, _, _ := framesOf(t, writeFields(t, fields, pal, "+cgop"), decode.Options{FieldRate: true})
	if len(still) != 20 {
		t.Errorf("%d frames of 20 that are not interlaced", len(still))
	}
}

// pulledDown makes fields of film: two of one frame, three of the next.
func pulledDown(first, frames int) (fields []int) {
	for n := range frames {
		for range 2 + n%2 {
			fields = append(fields, first+n)
		}
	}
	return fields[:len(fields)&^1]
}

// A 3:2 pulldown gives the film's frames back, at the film's times; what follows and was no film stays whole.
func TestTelecine(t *testing.T) {
	film := pulledDown(200, 48) // 120 fields, 60 frames
	var video []int
	for n := range 40 {
		video = append(video, 400+n)
	}
	path := writeFields(t, append(film, video...), ntsc, interlacedFlags)
	list, info, stats := framesOf(t, path, decode.Options{Deinterlace: decode.DeinterlaceTelecine})
	if want := 48 + 20; len(list) != want || stats.Pulldown != 12 {
		t.Fatalf("%d frames, %d left out, want %d and 12", len(list), stats.Pulldown, want)
	}
	if got := info.FrameRate.Float(); math.Abs(got-24000.0/1001) > 1e-9 {
		t.Errorf("rate %v", info.FrameRate)
	}
	for i, f := range list[:48] {
		if f.n != 200+i {
			t.Errorf("frame %d shows moment %d, want %d", i, f.n, 200+i)
		}
		if want := float64(i) * 1001 / 24000; math.Abs(f.at-want) > 1e-6 {
			t.Fatalf("frame %d is at %.6f s, want %.6f", i, f.at, want)
		}
	}
	for i, f := range list[48:] {
		if want := float64(60+i) * 1001 / 30000; math.Abs(f.at-want) > 1e-6 {
			t.Fatalf("video frame %d is at %.6f s, want %.6f", i, f.at, want)
		}
	}
	late, _, _ := framesOf(t, path, decode.Options{Deinterlace: decode.DeinterlaceTelecine, Start: 1, KeepTimes: true})
	if len(late) != len(list)-24 || late[0] != list[24] {
		t.Errorf("from 1 s: %d frames, the first %+v, want %d from %+v", len(late), late[0], len(list)-24, list[24])
	}
}

// What fields show is recognized, whatever the file says of them.
func TestCadence(t *testing.T) {
	var apart, together, still []int
	for n := range 100 {
		apart, together, still = append(apart, n), append(together, n/2), append(still, 7)
	}
	for _, c := range []struct {
		name   string
		fields []int
		rate   media.Rational
		want   decode.Cadence
	}{
		{"fields of their own", apart, pal, decode.CadenceInterlaced},
		{"segmented frames", together, pal, decode.CadenceProgressive},
		{"film", pulledDown(0, 44), ntsc, decode.CadenceTelecine},
		{"nothing moves", still, pal, decode.CadenceUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := decode.FindCadence(context.Background(), writeFields(t, c.fields, c.rate, interlacedFlags), decode.Options{})
			if err != nil || got != c.want {
				t.Errorf("%q, error %v, want %q", got, err, c.want)
			}
		})
	}
}
