package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/media"
	"vsr/upscale"
)

// green is a colour whose code values differ much between matrices and ranges, in R'G'B'.
var green = [3]float64{0.1, 0.7, 0.2}

// greenIn is its code values in a format of 8 bits (H.273 8.3).
func greenIn(f media.Format) [3]float64 {
	kr, kb := f.LumaWeights()
	y := kr*green[0] + (1-kr-kb)*green[1] + kb*green[2]
	cb, cr := (green[2]-y)/(2-2*kb), (green[0]-y)/(2-2*kr)
	if f.Color.Range == media.RangeFull {
		return [3]float64{255 * y, 255*cb + 128, 255*cr + 128}
	}
	return [3]float64{16 + 219*y, 128 + 224*cb, 128 + 224*cr}
}

// greenTurn writes a transport stream of green frames, ten of each format.
func greenTurn(t *testing.T, formats ...media.Format) string {
	t.Helper()
	return aspectTurn(t, make([]media.Rational, len(formats)), formats...)
}

// aspectTurn also gives each ten a pixel aspect.
func aspectTurn(t *testing.T, aspects []media.Rational, formats ...media.Format) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "turn.ts")
	for k, f := range formats {
		part := filepath.Join(t.TempDir(), fmt.Sprintf("%d.ts", k))
		info := &media.Info{Format: f, FrameRate: media.Rational{Num: 25, Den: 1}, SampleAspect: aspects[k],
			Tracks: []media.Track{{Type: media.TrackVideo, TimeBase: media.Rational{Num: 1, Den: 90000}}}}
		sink, err := encode.CreateFile(part, info, quick, encode.FileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			fr := media.NewFrame(f)
			fr.PTS, fr.Duration, fr.Scene = int64(3600*(10*k+i)), 3600, 1
			for p, v := range greenIn(f) {
				_, h := fr.PlaneSize(p)
				for y := range h {
					for x := range fr.Row(p, y) {
						fr.Row(p, y)[x] = byte(math.Round(v))
					}
				}
			}
			if err := sink.Write(context.Background(), media.Unit{Frame: fr}); err != nil {
				t.Fatal(err)
			}
		}
		if err := sink.Close(); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		all, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := all.Write(data); err != nil {
			t.Fatal(err)
		}
		all.Close()
	}
	return path
}

// A change of size or colour in mid-stream begins a scene with a vector of its own, is named with its frame and both kinds, and comes
// out in the first size and the first colours. --strict takes none, and what cannot be converted is refused.
func TestFormatChanges(t *testing.T) {
	first := tinyFormat
	with := func(edit func(*media.Format)) media.Format {
		f := first
		edit(&f)
		return f
	}
	for _, c := range []struct {
		name  string
		then  media.Format
		args  []string
		code  int
		words string
	}{
		{"size", with(func(f *media.Format) { f.Width, f.Height = 128, 96 }), nil, 0, "from 96x64 yuv420p 8-bit (matrix 1, primaries 1, transfer 1, limited range, siting 1) to 128x96"},
		{"matrix", with(func(f *media.Format) { f.Color.Matrix, f.Color.Primaries = media.MatrixSMPTE170M, 6 }), nil, 0, "(matrix 6, primaries 6"},
		{"range", with(func(f *media.Format) { f.Color.Range = media.RangeFull }), nil, 0, "limited range, siting 1) to 96x64 yuv420p 8-bit (matrix 1, primaries 1, transfer 1, full"},
		{"all", with(func(f *media.Format) {
			f.Color.Range, f.Color.Matrix, f.Width = media.RangeFull, media.MatrixSMPTE170M, 80
		}), nil, 0, "to 80x64"},
		{"workers", with(func(f *media.Format) { f.Color.Matrix = media.MatrixSMPTE170M }), []string{"--workers", "2", "-c", "segments.yaml"}, 0, "(matrix 6"},
		{"strict", with(func(f *media.Format) { f.Width = 128 }), []string{"--strict"}, exitInput, "to 128x64"},
		{"PQ", with(func(f *media.Format) { f.Color.Transfer = media.TransferPQ }), nil, exitRequest, "does not convert PQ to SDR"},
		{"wide", with(func(f *media.Format) { f.Color.Primaries, f.Color.Matrix = 9, media.MatrixBT2020NCL }), nil, exitRequest, "does not convert wide gamut to SDR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.WriteFile("segments.yaml", []byte("segment_min: 5\nsegment_max: 10\n"), 0o666); err != nil {
				t.Fatal(err)
			}
			args := append([]string{"run", greenTurn(t, first, c.then, first), "-o", "out.mkv", "--model", "nano-x2", "--threads", "1", "--codec", "ffv1",
				"--progress", "none", "--report", "r.json"}, c.args...)
			code, _, stderr := vsr(t, args...)
			if code != c.code || !strings.Contains(stderr, "frame 10, at 0:00.400: the format changes") || !strings.Contains(stderr, c.words) {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
			text, err := os.ReadFile("r.json")
			var r upscale.Report
			if err != nil || json.Unmarshal(text, &r) != nil {
				t.Fatalf("%v: %s", err, text)
			}
			if code != 0 {
				return
			}
			if n := r.Input; n.FormatChanges != 2 || len(n.Changes) != 2 || n.Changes[0].Frame != 10 || n.Changes[1].Frame != 20 || n.Changes[1].Time != 0.8 || n.Changes[1].To != n.Changes[0].From {
				t.Errorf("report: %+v", n)
			}
			if s := r.Scenes; len(s) != 3 || s[1].FirstFrame != 10 || s[2].FirstFrame != 20 || s[1].Estimates < 1 || s[2].Estimates < 1 {
				t.Errorf("scenes: %+v", s)
			}
			checkGreen(t, "out.mkv", first.Scaled(2), 30)
			if code, stdout, stderr := vsr(t, "verify", args[1], "out.mkv"); code != 0 || !strings.Contains(stdout, "format changes") {
				t.Errorf("verify: exit code %d: %s%s", code, stdout, stderr)
			}
		})
	}
}

// checkGreen wants n frames of green in a format, to two levels.
func checkGreen(t *testing.T, path string, want media.Format, n int) {
	t.Helper()
	src, err := decode.Open(context.Background(), path, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for i := 0; ; i++ {
		u, err := src.Next(context.Background())
		if errors.Is(err, io.EOF) {
			if i != n {
				t.Errorf("%d frames, want %d", i, n)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		f := u.Frame
		if f.Width != want.Width || f.Height != want.Height || f.Color.Matrix != want.Color.Matrix || f.Color.Range != want.Color.Range {
			t.Fatalf("frame %d: %v %+v, want %v %+v", i, f.Format, f.Color, want, want.Color)
		}
		for p, v := range greenIn(want) {
			w, h := f.PlaneSize(p)
			if got := float64(f.Row(p, h/2)[w/2]); math.Abs(got-v) > 2 {
				t.Errorf("frame %d, plane %d: %.0f, want %.1f", i, p, got, v)
			}
		}
		u.Release()
	}
}

// A change of the pixel aspect alone is said and counted; the output keeps the first.
func TestAspectChanges(t *testing.T) {
	square, pal, wide := media.Rational{}, media.Rational{Num: 16, Den: 15}, media.Rational{Num: 64, Den: 45}
	for _, c := range []struct {
		aspects []media.Rational
		turns   int
		say     string
	}{{[]media.Rational{pal, wide, pal}, 2, "note: the pixel aspect changes in mid-stream, 2 times, first at 0:00.400 to 64/45; the output keeps 16/15"},
		{[]media.Rational{square, square, {Num: 1, Den: 1}}, 0, ""}, {[]media.Rational{square, pal, pal}, 1, "1 times, first at 0:00.400 to 16/15"}} {
		out := filepath.Join(t.TempDir(), "out.mkv")
		code, stdout, stderr := vsr(t, "run", aspectTurn(t, c.aspects, tinyFormat, tinyFormat, tinyFormat), "-o", out, "--model", tinyWeights(t, 2), "--threads", "1", "--json")
		var r upscale.Report
		if err := json.Unmarshal([]byte(stdout), &r); code != 0 || err != nil || r.Input.AspectChanges != c.turns || !strings.Contains(stderr, c.say) ||
			strings.Contains(stderr, "pixel aspect") != (c.turns > 0) || r.Input.FormatChanges != 0 {
			t.Errorf("%v: exit code %d, %v, %d turns: %s", c.aspects, code, err, r.Input.AspectChanges, stderr)
		}
	}
}
