package av

import (
	"math"
	"testing"
	"time"

	"vsr/media"
)

// movingFrames draws a textured ramp that moves by two pixels a frame.
func movingFrames(w, h, n int) []*media.Frame {
	out := make([]*media.Frame, n)
	for i := range out {
		fr := media.NewFrame(media.Format{Width: w, Height: h, Layout: media.YUV420, Depth: 8})
		for p := range 3 {
			pw, ph := fr.PlaneSize(p)
			for y := range ph {
				row := fr.Row(p, y)
				for x := range pw {
					row[x] = byte(128 + 50*math.Sin(float64(x+2*i)/5+float64(p)) + 30*math.Cos(float64(y)/3))
				}
			}
		}
		out[i] = fr
	}
	return out
}

// lumaError is the root mean square luma difference of two clips.
func lumaError(a, b []*media.Frame) float64 {
	var sum float64
	n := 0
	for i := range a {
		for y := range a[i].Height {
			ra, rb := a[i].Row(0, y), b[i].Row(0, y)
			for x := range ra {
				d := float64(ra[x]) - float64(rb[x])
				sum += d * d
				n++
			}
		}
	}
	return math.Sqrt(sum / float64(n))
}

// Every codec gives all frames back, in order, nearly right at high quality and worse at low quality.
func TestRoundTrip(t *testing.T) {
	for codec, q := range map[string][2]int{"h264": {12, 38}, "hevc": {12, 45}, "vp9": {10, 60}, "mpeg4": {2, 28}, "mpeg2video": {2, 28}} {
		for _, size := range [][2]int{{64, 64}, {70, 50}, {40, 36}} {
			in := movingFrames(size[0], size[1], 9)
			var rms [2]float64
			start := time.Now()
			for i := range q {
				out, err := RoundTrip(RoundTripOptions{Codec: codec, Quality: q[i], GOP: 6, BFrames: 2 * i}, in)
				if err != nil {
					t.Fatalf("%s %v: %v", codec, size, err)
				}
				rms[i] = lumaError(in, out)
			}
			t.Logf("%s %v: rms %.2f and %.2f, %v a trip", codec, size, rms[0], rms[1], time.Since(start)/2)
			// A frame out of order would differ by about 20.
			if rms[0] > 4 || rms[1] <= rms[0] || rms[1] > 15 {
				t.Errorf("%s %v: rms %.2f at quality %d and %.2f at %d", codec, size, rms[0], q[0], rms[1], q[1])
			}
		}
	}
}

// Equal clips give equal bytes: training must resume exactly.
func TestRoundTripRepeats(t *testing.T) {
	in := movingFrames(40, 36, 7)
	for codec, q := range map[string]int{"h264": 30, "hevc": 30, "vp9": 40, "mpeg4": 8, "mpeg2video": 8} {
		for i := range 8 {
			o := RoundTripOptions{Codec: codec, Quality: q, GOP: 3 + i, BFrames: i % 4, Preset: "veryfast"}
			a, err := RoundTrip(o, in)
			if err != nil {
				t.Fatal(err)
			}
			b, err := RoundTrip(o, in)
			if err != nil {
				t.Fatal(err)
			}
			if d := lumaError(a, b); d != 0 {
				t.Errorf("%s with %d B-frames: two trips differ by %g", codec, i%4, d)
			}
		}
	}
}

func TestRoundTripRejects(t *testing.T) {
	good := movingFrames(32, 32, 2)
	deep := media.NewFrame(media.Format{Width: 32, Height: 32, Layout: media.YUV420, Depth: 10})
	for name, c := range map[string]struct {
		o      RoundTripOptions
		frames []*media.Frame
	}{
		"codec": {RoundTripOptions{Codec: "theora", Quality: 20}, good}, "quality": {RoundTripOptions{Codec: "h264", Quality: 99}, good},
		"empty": {RoundTripOptions{Codec: "h264", Quality: 20}, nil}, "depth": {RoundTripOptions{Codec: "h264", Quality: 20}, []*media.Frame{deep}},
		"mixed": {RoundTripOptions{Codec: "h264", Quality: 20}, append(movingFrames(48, 32, 1), good...)},
	} {
		if _, err := RoundTrip(c.o, c.frames); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
