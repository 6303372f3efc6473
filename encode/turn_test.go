package encode_test

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/media"
)

// patches are R'G'B' colours, each of which fills a column of the test frame.
var patches = [][3]float64{{0, 0, 0}, {1, 1, 1}, {0.5, 0.5, 0.5}, {0.8, 0.1, 0.1}, {0.1, 0.7, 0.2}, {0.2, 0.2, 0.9}, {0.9, 0.8, 0.3}, {0.3, 0.6, 0.7}}

// samples are the code values of a colour in a format (H.273 8.3).
func samples(f media.Format, c [3]float64) [3]float64 {
	kr, kb := f.LumaWeights()
	y := kr*c[0] + (1-kr-kb)*c[1] + kb*c[2]
	cb, cr := (c[2]-y)/(2-2*kb), (c[0]-y)/(2-2*kr)
	one := float64(int(1) << (f.Depth - 8))
	if f.Color.Range == media.RangeFull {
		top := float64(int(1)<<f.Depth - 1)
		return [3]float64{y * top, cb*top + 128*one, cr*top + 128*one}
	}
	return [3]float64{(16 + 219*y) * one, (128 + 224*cb) * one, (128 + 224*cr) * one}
}

func patchFrame(f media.Format, pts int64) *media.Frame {
	fr := media.NewFrame(f)
	fr.PTS, fr.Duration, fr.Scene = pts, 1, 1
	for p := range fr.Planes() {
		w, h := fr.PlaneSize(p)
		for y := range h {
			row := fr.Row(p, y)
			for x := range w {
				v := int(math.Round(samples(f, patches[x*len(patches)/w])[p]))
				if f.Depth == 8 {
					row[x] = byte(v)
				} else {
					row[2*x], row[2*x+1] = byte(v), byte(v>>8)
				}
			}
		}
	}
	return fr
}

// A video whose matrix, range, depth, layout or size changes in the middle keeps its colours: the output has one description, and what
// comes later is converted to it.
func TestTurnsKeepColours(t *testing.T) {
	first := media.Format{Width: 256, Height: 32, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited, Primaries: 1, Transfer: 1, Siting: 1}}
	with := func(edit func(*media.Format)) media.Format {
		f := first
		edit(&f)
		return f
	}
	deep := with(func(f *media.Format) { f.Depth, f.Color.Matrix, f.Layout = 10, media.MatrixBT2020NCL, media.YUV444 })
	for _, head := range []media.Format{first, deep, with(func(f *media.Format) { f.Color.Range = media.RangeFull })} {
		formats := []media.Format{head, first,
			with(func(f *media.Format) { f.Color.Matrix = media.MatrixSMPTE170M }),
			with(func(f *media.Format) { f.Color.Range = media.RangeFull }),
			with(func(f *media.Format) { f.Color.Matrix, f.Color.Range = media.MatrixBT2020NCL, media.RangeFull }),
			with(func(f *media.Format) { f.Width, f.Height = 384, 48 }),
			with(func(f *media.Format) {
				f.Width, f.Height, f.Color.Matrix, f.Color.Range = 128, 16, media.MatrixSMPTE170M, media.RangeFull
			}),
			deep,
			with(func(f *media.Format) { f.Layout, f.Depth, f.Color.Range = media.YUV422, 12, media.RangeFull }),
			head,
		}
		path := filepath.Join(t.TempDir(), "out.mkv")
		info := &media.Info{Format: head, FrameRate: media.Rational{Num: 25, Den: 1}, SampleAspect: media.Rational{Num: 1, Den: 1},
			Tracks: []media.Track{{Type: media.TrackVideo, TimeBase: media.Rational{Num: 1, Den: 25}}}}
		sink, err := encode.CreateFile(path, info, encode.Options{Codec: "ffv1"}, encode.FileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range formats {
			if err := sink.Write(context.Background(), media.Unit{Frame: patchFrame(f, int64(i))}); err != nil {
				t.Fatal(err)
			}
		}
		if err := sink.Close(); err != nil {
			t.Fatal(err)
		}
		checkPatches(t, path, head, formats)
	}
}

// checkPatches wants the patches of every frame in the format of the first, to 1.5 levels of 8 bits.
func checkPatches(t *testing.T, path string, want media.Format, was []media.Format) {
	t.Helper()
	src, err := decode.Open(context.Background(), path, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for i := range was {
		u, err := src.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		f := u.Frame
		if f.Width != want.Width || f.Depth != want.Depth || f.Color.Matrix != want.Color.Matrix || f.Color.Range != want.Color.Range {
			t.Fatalf("frame %d is %v %+v, want %v", i, f.Format, f.Color, want)
		}
		worst, where := 0.0, ""
		for p := range 3 {
			w, h := f.PlaneSize(p)
			for k, c := range patches {
				x := (2*k + 1) * w / (2 * len(patches))
				row, got := f.Row(p, h/2), 0.0
				if got = float64(row[x*f.BytesPerSample()]); f.Depth > 8 {
					got = float64(int(row[2*x]) | int(row[2*x+1])<<8)
				}
				if d := math.Abs(got-samples(want, c)[p]) / float64(int(1)<<(want.Depth-8)); d > worst {
					worst, where = d, fmt.Sprintf("plane %d of patch %v: %.1f, want %.1f", p, c, got, samples(want, c)[p])
				}
			}
		}
		if worst > 1.5 {
			t.Errorf("%v %+v to %v %+v: %.1f levels off: %s", was[i], was[i].Color, want, want.Color, worst, where)
		}
		u.Release()
	}
}
