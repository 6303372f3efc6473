package main

import (
	"context"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/internal/testmedia"
)

// An alpha channel is enlarged and kept where codec and container can, and said to be dropped where not.
func TestAlpha(t *testing.T) {
	format := tinyFormat
	format.Alpha = true
	in := filepath.Join(t.TempDir(), "in.webm") // alpha beside each packet, which FFmpeg's own VP9 decoder does not see
	if err := testmedia.WriteClip(in, testmedia.Options{Frames: 20, Format: format}, encode.Options{Codec: "vp9", CRF: 20}); err != nil {
		t.Fatal(err)
	}
	weights, short := tinyWeights(t, 2), config(t, "segment_min: 8\nsegment_max: 12\nthreads: 1\nprogress: none\n")
	for _, c := range []struct {
		out, codec string
		kept       bool
	}{{"out.webm", "vp9", true}, {"out.mkv", "ffv1", true}, {"out.mov", "prores", true}, {"out.mp4", "x264", false}} {
		out := filepath.Join(t.TempDir(), c.out)
		code, _, stderr := vsr(t, "run", in, "-o", out, "--codec", c.codec, "--model", weights, "-c", short)
		if code != 0 || strings.Contains(stderr, encode.AlphaDropped) == c.kept {
			t.Errorf("%s: exit code %d: %s", c.codec, code, stderr)
		}
		src, err := decode.Open(context.Background(), out, decode.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if f := src.Info().Format; f.Alpha != c.kept || f.Width != 192 {
			t.Errorf("%s: %v, alpha %v", c.codec, f, f.Alpha)
		}
		u, err := src.Next(context.Background())
		if err != nil || u.Frame == nil {
			t.Fatal(err)
		}
		if fr := u.Frame; c.kept { // the clip's alpha is 0.92 everywhere
			row := fr.Row(fr.Planes()-1, 64)
			got := float64(row[64])
			if fr.Depth > 8 {
				got = math.Ldexp(float64(int(row[128])|int(row[129])<<8), 8-fr.Depth)
			}
			if math.Abs(got-0.92*255) > 3 {
				t.Errorf("%s: alpha is %.1f", c.codec, got)
			}
		}
		u.Release()
		src.Close()
	}
}
