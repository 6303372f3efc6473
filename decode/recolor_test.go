package decode_test

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"testing"

	"vsr/decode"
	"vsr/encode"
	"vsr/media"
)

// SMPTE ST 2084 and its inverse, H.273 Table 3.
const m1, m2, c1, c2, c3 = 2610.0 / 16384, 2523.0 / 4096 * 128, 3424.0 / 4096, 2413.0 / 4096 * 32, 2392.0 / 4096 * 32

func pqToLight(e float64) float64 {
	p := math.Pow(e, 1/m2)
	return math.Pow(max(p-c1, 0)/(c2-c3*p), 1/m1)
}

func pqFromLight(l float64) float64 {
	p := math.Pow(l, m1)
	return math.Pow((c1+c2*p)/(1+c3*p), m2)
}

// The matrices that are not made of luma weights, from R'G'B' to Y and two color differences (H.273, 8.3, equations 45 to 80).
// YCgCo is made of R, G and B after they have become code values, so its chroma spans 219 levels, not 224.
func toYCgCo(c [3]float64) [3]float64 {
	const span = 219.0 / 224
	r, g, b := c[0], c[1], c[2]
	return [3]float64{r/4 + g/2 + b/4, span * (-r/4 + g/2 - b/4), span * (r/2 - b/2)}
}

func toICtCp(c [3]float64) [3]float64 {
	c = mild(c)
	r, g, b := pqToLight(c[0]), pqToLight(c[1]), pqToLight(c[2])
	l := pqFromLight((1688*r + 2146*g + 262*b) / 4096)
	m := pqFromLight((683*r + 2951*g + 462*b) / 4096)
	s := pqFromLight((99*r + 309*g + 3688*b) / 4096)
	return [3]float64{(l + m) / 2, (6610*l - 13613*m + 7003*s) / 4096, (17933*l - 17390*m - 543*s) / 4096}
}

// mild keeps colors away from the border of BT.2020, where a step of ICtCp is a leap of PQ.
func mild(c [3]float64) [3]float64 {
	for i := range c {
		c[i] = 0.5 + 0.4*(c[i]-0.5)
	}
	return c
}

func weightedMild(c [3]float64) [3]float64 { return weighted(0.2627, 0.0593)(mild(c)) }

func weighted(kr, kb float64) func([3]float64) [3]float64 {
	return func(c [3]float64) [3]float64 {
		y := kr*c[0] + (1-kr-kb)*c[1] + kb*c[2]
		return [3]float64{y, (c[2] - y) / (2 - 2*kb), (c[0] - y) / (2 - 2*kr)}
	}
}

var patches = [][3]float64{{0.5, 0.5, 0.5}, {0.9, 0.2, 0.1}, {0.1, 0.8, 0.2}, {0.15, 0.2, 0.85}, {0.8, 0.8, 0.1}, {0.7, 0.2, 0.7}, {0.05, 0.6, 0.7}, {0.95, 0.93, 0.9}}

// writePatches writes one frame of 16x16 patches, 12 bits, limited range, lossless.
func writePatches(t *testing.T, c media.Color, code func([3]float64) [3]float64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "patches.mkv")
	c.Range = media.RangeLimited
	f := media.Format{Width: 16 * len(patches), Height: 16, Layout: media.YUV444, Depth: 12, Color: c}
	info := &media.Info{Format: f, FrameRate: media.Rational{Num: 25, Den: 1}, Tracks: []media.Track{{Type: media.TrackVideo, TimeBase: media.Rational{Num: 1, Den: 25}}}}
	sink, err := encode.CreateFile(path, info, encode.Options{Codec: "ffv1"}, encode.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	fr := media.NewFrame(f)
	for i, rgb := range patches {
		v := code(rgb)
		for p := range 3 {
			level := int(math.Round(16 * (16 + 219*v[0])))
			if p > 0 {
				level = int(math.Round(16 * (128 + 224*v[p])))
			}
			for y := range 16 {
				row := fr.Row(p, y)
				for x := 16 * i; x < 16*i+16; x++ {
					row[2*x], row[2*x+1] = byte(level), byte(level>>8)
				}
			}
		}
	}
	if err := sink.Write(context.Background(), media.Unit{Frame: fr}); err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMatrices brings known colors in every matrix of H.273 through the decoder. They come out right, in a matrix that all know.
func TestMatrices(t *testing.T) {
	for _, c := range []struct {
		color media.Color
		code  func([3]float64) [3]float64
		to    media.Matrix
		back  func([3]float64) [3]float64
	}{
		{media.Color{Matrix: 1, Primaries: 1, Transfer: 1}, weighted(0.2126, 0.0722), 1, weighted(0.2126, 0.0722)},
		{media.Color{Matrix: 4, Primaries: 4, Transfer: 4}, weighted(0.30, 0.11), 4, weighted(0.30, 0.11)},
		{media.Color{Matrix: 5, Primaries: 5, Transfer: 6}, weighted(0.299, 0.114), 5, weighted(0.299, 0.114)},
		{media.Color{Matrix: 6, Primaries: 6, Transfer: 6}, weighted(0.299, 0.114), 6, weighted(0.299, 0.114)},
		{media.Color{Matrix: 7, Primaries: 7, Transfer: 7}, weighted(0.212, 0.087), 7, weighted(0.212, 0.087)},
		{media.Color{Matrix: 9, Primaries: 9, Transfer: 14}, weighted(0.2627, 0.0593), 9, weighted(0.2627, 0.0593)},
		{media.Color{Matrix: 8, Primaries: 1, Transfer: 1}, toYCgCo, 1, weighted(0.2126, 0.0722)},
		{media.Color{Matrix: 8, Primaries: 2, Transfer: 2}, toYCgCo, 1, weighted(0.2126, 0.0722)},
		{media.Color{Matrix: 8, Primaries: 9, Transfer: 14}, toYCgCo, 9, weighted(0.2627, 0.0593)},
		{media.Color{Matrix: 12, Primaries: 9, Transfer: 14}, weighted(0.2627, 0.0593), 9, weighted(0.2627, 0.0593)},
		{media.Color{Matrix: 12, Primaries: 1, Transfer: 1}, weighted(0.2126, 0.0722), 1, weighted(0.2126, 0.0722)},
		{media.Color{Matrix: 14, Primaries: 9, Transfer: 16}, toICtCp, 9, weightedMild},
	} {
		s, err := decode.Open(context.Background(), writePatches(t, c.color, c.code), decode.Options{})
		if err != nil {
			t.Errorf("matrix %d: %v", c.color.Matrix, err)
			continue
		}
		u, err := s.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if got := u.Frame.Color; got.Matrix != c.to || got.Primaries != c.color.Primaries || got.Transfer != c.color.Transfer || s.Info().Format != u.Frame.Format {
			t.Errorf("matrix %d: came out as %+v, want matrix %d and the rest as it was", c.color.Matrix, got, c.to)
		}
		for i, rgb := range patches {
			want := c.back(rgb)
			for p := range 3 {
				row := u.Frame.Row(p, 8)
				x := 16*i + 8
				got := float64(int(row[2*x])|int(row[2*x+1])<<8) / 16
				level := 16 + 219*want[0]
				if p > 0 {
					level = 128 + 224*want[p]
				}
				if math.Abs(got-level) > 0.5 {
					t.Errorf("matrix %d, color %v: plane %d is %.2f of 255, want %.2f", c.color.Matrix, rgb, p, got, level)
				}
			}
		}
		u.Release()
		s.Close()
	}
}

func TestUnknownMatrixIsRefused(t *testing.T) {
	for _, m := range []media.Matrix{media.MatrixBT2020CL, media.MatrixSMPTE2085, media.MatrixDerivedCL} {
		path := writePatches(t, media.Color{Matrix: m, Primaries: 9, Transfer: 16}, toICtCp)
		_, err := decode.Open(context.Background(), path, decode.Options{})
		var u *decode.UnsupportedError
		if !errors.As(err, &u) || u.Hint == "" {
			t.Errorf("matrix %d: %v, want an UnsupportedError with a hint", m, err)
		}
	}
}
