package degrade

import (
	"math"
	"slices"
	"testing"

	"vsr/media"
)

func TestGoldenYUV(t *testing.T) {
	all := readVectors(t)
	m := all["small"].image()
	for name, matrix := range map[string]media.Matrix{"601": media.MatrixSMPTE170M, "709": media.MatrixBT709} {
		f := ToYUV(m, matrix)
		for p, letter := range []string{"y", "u", "v"} {
			v := all["yuv/"+name+"/"+letter]
			var got []byte
			for y := range v.Shape[0] {
				got = append(got, f.Row(p, y)...)
			}
			if !slices.Equal(got, v.u8) {
				t.Errorf("%s: plane %s differs from the reference", name, letter)
			}
		}
		if d := worst(FromYUV(f, m.W, m.H), all["yuv/"+name+"/rgb"].image()); d > 1e-6 {
			t.Errorf("%s: RGB off by %g", name, d)
		}
	}
	if d := worst(Enlarge(all["tiny"].image(), 3), all["enlarge/3"].image()); d > 1e-6 {
		t.Errorf("enlarging is off by %g", d)
	}
}

// An odd size must survive the padding to even sides.
func TestYUVOddSize(t *testing.T) {
	m := NewImage(33, 35)
	for i := range m.Pix {
		m.Pix[i] = 0.4
	}
	f := ToYUV(m, media.MatrixBT709)
	if f.Width != 34 || f.Height != 36 {
		t.Fatalf("padded to %dx%d", f.Width, f.Height)
	}
	if d := worst(FromYUV(f, 33, 35), m); d > 0.5/219+1e-6 {
		t.Errorf("flat grey comes back off by %g", d)
	}
}

// movingClip is a textured image seen through a window that moves by step pixels a frame.
func movingClip(w, h, n, step int) []Image {
	out := make([]Image, n)
	for i := range out {
		out[i] = NewImage(w, h)
		for y := range h {
			row := out[i].Row(y)
			for x := range w {
				u, v := float64(x+i*step), float64(y)
				g := 0.5 + 0.2*math.Sin(u/7)*math.Cos(v/9) + 0.15*math.Sin(u*v/90)
				if int(u/24)%2 == 0 && int(v/16)%2 == 0 {
					g += 0.12
				}
				row[3*x], row[3*x+1], row[3*x+2] = float32(g), float32(0.9*g), float32(1-g)
			}
		}
	}
	return out
}

func TestInterlace(t *testing.T) {
	clip := movingClip(16, 9, 3, 3)
	for odd := range 2 {
		woven := interlace(clip, interleave, odd)
		for i := range clip {
			other := min(i+1, len(clip)-1)
			if i == other {
				other = i - 1
			}
			for y := range 9 {
				want := clip[i]
				if y%2 == odd {
					want = clip[other]
				}
				if !slices.Equal(woven[i].Row(y), want.Row(y)) {
					t.Fatalf("weave: frame %d row %d comes from the wrong frame", i, y)
				}
			}
		}
		bobbed := interlace(clip, bob, odd)
		for y := 1 - odd; y < 9; y += 2 {
			if !slices.Equal(bobbed[1].Row(y), clip[1].Row(y)) {
				t.Fatalf("bob: kept row %d has changed", y)
			}
		}
		if v := bobbed[1].Row(odd + 2)[5]; v != (clip[1].Row(odd + 1)[5]+clip[1].Row(odd + 3)[5])/2 {
			t.Errorf("bob: row %d is not the mean of its neighbours", odd+2)
		}
		mixed := interlace(clip, blend, odd)[0]
		want := (woven[0].Row(3)[5] + 2*woven[0].Row(4)[5] + woven[0].Row(5)[5]) / 4
		if math.Abs(float64(mixed.Row(4)[5]-want)) > 1e-6 {
			t.Errorf("blend: %g, want %g", mixed.Row(4)[5], want)
		}
	}
}

// distance is the root mean square difference of two clips.
func distance(a, b []Image) float64 {
	var sum float64
	n := 0
	for i := range a {
		for j := range a[i].Pix {
			d := float64(a[i].Pix[j] - b[i].Pix[j])
			sum += d * d
			n++
		}
	}
	return math.Sqrt(sum / float64(n))
}

// Each codec at a poorer setting is further from the clean reduction, and every frame stays where it belongs.
func TestCoded(t *testing.T) {
	hr := movingClip(160, 128, 4, 6)
	clean, err := Fixed{Factor: 2}.Apply(NewRand(1, 1), hr)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range clean { // chroma subsampling alone is no codec's fault
		clean[i] = FromYUV(ToYUV(m, media.MatrixBT709), m.W, m.H)
	}
	for _, c := range standard.Codecs.choices() {
		var d [2]float64
		for i, q := range [2]int{c.low, c.high} {
			lr, err := Coded{Factor: 2, Codec: c.codec, Quality: q}.Apply(NewRand(1, 1), hr)
			if err != nil {
				t.Fatal(err)
			}
			if len(lr) != 4 || lr[0].W != 80 || lr[0].H != 64 {
				t.Fatalf("%s: %d frames of %dx%d", c.codec, len(lr), lr[0].W, lr[0].H)
			}
			d[i] = distance(lr, clean)
		}
		swapped := distance([]Image{clean[1], clean[0], clean[3], clean[2]}, clean)
		if d[0] >= d[1] || d[0] > swapped/3 {
			t.Errorf("%s: distance %.4f at %d, %.4f at %d; neighbouring frames differ by %.4f", c.codec, d[0], c.low, d[1], c.high, swapped)
		}
	}
}

// Every recipe gives what its contract says, the same for the same seed and something else for another clip.
func TestRecipes(t *testing.T) {
	for _, name := range []string{"bicubic", "gaussian", "aniso", "second", "video", "light", "real"} {
		for _, scale := range []int{2, 4} {
			r, err := ByName(name, scale)
			if err != nil {
				t.Fatal(err)
			}
			hr := movingClip(40*scale, 36*scale, r.Frames(), 2)
			before := hr[0].Clone()
			different := false
			for clip := range uint64(12) {
				a, err := r.Apply(NewRand(5, clip), hr)
				if err != nil {
					t.Fatalf("%s x%d clip %d: %v", name, scale, clip, err)
				}
				b, _ := r.Apply(NewRand(5, clip), hr)
				c, _ := r.Apply(NewRand(5, clip+100), hr)
				different = different || !slices.Equal(a[0].Pix, c[0].Pix)
				for i := range a {
					if a[i].W != 40 || a[i].H != 36 || !slices.Equal(a[i].Pix, b[i].Pix) {
						t.Fatalf("%s x%d clip %d frame %d: size %dx%d, or not repeatable", name, scale, clip, i, a[i].W, a[i].H)
					}
					for _, v := range a[i].Pix {
						if v != byteValue[quantum(v)] {
							t.Fatalf("%s: sample %g is not an 8-bit value", name, v)
						}
					}
				}
			}
			if different != (name != "bicubic") {
				t.Errorf("%s x%d: clips differ: %v", name, scale, different)
			}
			if !slices.Equal(hr[0].Pix, before.Pix) {
				t.Errorf("%s x%d wrote to its input", name, scale)
			}
		}
	}
}

// What a batch shares must be equal for all its clips, whatever each clip draws for itself.
func TestSharedDraws(t *testing.T) {
	for clip := range uint64(20) {
		a, b := drawSecond(SharedRand(3, clip, 7), standard.Second), drawSecond(SharedRand(3, clip+50, 7), standard.Second)
		if a.first.factor != b.first.factor || a.second.mode != b.second.mode || a.first.poisson != b.first.poisson ||
			(a.second.kernel == nil) != (b.second.kernel == nil) || a.jpegLast != b.jpegLast || a.last != b.last {
			t.Fatal("two clips of one batch take different branches")
		}
		if a.first.quality == b.first.quality {
			t.Fatal("two clips of one batch share their JPEG quality")
		}
		if slices.Equal(a.first.kernel.W, b.first.kernel.W) {
			t.Fatal("two clips of one batch share their blur")
		}
	}
}

func TestRecipeRejects(t *testing.T) {
	good := movingClip(16, 16, 1, 0)
	for name, c := range map[string]struct {
		r  Recipe
		hr []Image
	}{
		"empty": {Video{Factor: 2}, nil}, "multiple": {SecondOrder{Factor: 3}, good}, "scale": {Classic{}, good},
		"sizes": {Fixed{Factor: 2}, append(movingClip(18, 16, 1, 0), good...)}, "sigma": {Classic{Factor: 2, Sigma: [2]float64{3, 1}}, good},
		"quality": {Coded{Factor: 2, Codec: H264, Quality: 80}, good}, "codec": {Coded{Factor: 2, Codec: "theora"}, good},
		"light": {Light{}, good}, "mix": {Mix{{Fixed{Factor: 2}, 0}}, good},
	} {
		if _, err := c.r.Apply(NewRand(1, 1), c.hr); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
