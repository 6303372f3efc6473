package degrade

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// vector is one entry of testdata/vectors.json, made by tools/golden/degrade.py.
type vector struct {
	Kind    string
	Shape   []int
	Offset  int
	Spec    []any
	Mode    int
	Factor  float64
	Quality float64
	Gray    bool
	Params  json.RawMessage
	f32     []float32
	u8      []byte
}

func readVectors(t *testing.T) map[string]vector {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	blob, err := os.ReadFile("testdata/vectors.bin")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]vector
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for name, v := range all {
		n := 1
		for _, s := range v.Shape {
			n *= s
		}
		if v.Kind == "u8" {
			v.u8 = blob[v.Offset : v.Offset+n]
		} else {
			v.f32 = make([]float32, n)
			for i := range v.f32 {
				v.f32[i] = math.Float32frombits(binary.LittleEndian.Uint32(blob[v.Offset+4*i:]))
			}
		}
		all[name] = v
	}
	return all
}

func (v vector) image() Image {
	if v.Kind == "u8" {
		return FromBytes(v.Shape[1], v.Shape[0], v.u8)
	}
	return Image{W: v.Shape[1], H: v.Shape[0], Pix: v.f32}
}

// kernelOf builds the kernel that a vector names.
func kernelOf(t *testing.T, spec []any) Kernel {
	t.Helper()
	p := make([]float64, len(spec))
	for i := 1; i < len(spec); i++ {
		p[i] = spec[i].(float64)
	}
	n := int(p[1])
	switch spec[0] {
	case "gauss":
		return Anisotropic(n, p[2], p[3], p[4])
	case "generalized":
		return Generalized(n, p[2], p[3], p[4], p[5])
	case "plateau":
		return Plateau(n, p[2], p[3], p[4], p[5])
	case "sinc":
		return Sinc(n, p[2])
	}
	t.Fatalf("unknown kernel %v", spec)
	return Kernel{}
}

// counted repeats the stand-in random numbers of the reference.
type counted struct{ k int }

func (c *counted) normal() float64 {
	c.k++
	return 1.5 * math.Sin(12.9898*float64(c.k-1))
}

func (c *counted) poisson(mean float64) float64 {
	return max(math.Floor(mean+math.Sqrt(mean)*c.normal()+0.5), 0)
}

func TestGolden(t *testing.T) {
	all := readVectors(t)
	small := all["small"].image()
	count := map[string]int{}
	for name, v := range all {
		kind, rest, _ := strings.Cut(name, "/")
		var got Image
		switch kind {
		case "kernel":
			k := kernelOf(t, v.Spec)
			for i, w := range k.W {
				if math.Abs(w-float64(v.f32[i])) > 1e-7 {
					t.Errorf("%s %v: weight %d is %g, want %g", name, v.Spec, i, w, v.f32[i])
					break
				}
			}
			count[kind]++
			continue
		case "blur":
			got = Blur(small, kernelOf(t, v.Spec))
		case "down", "classic":
			got = reduced(t, small, kind, rest)
		case "resize":
			got = must(Resize(small, v.Shape[1], v.Shape[0], Mode(v.Mode)))(t)
		case "factor":
			got = must(resizeBy(small, v.Shape[1], v.Shape[0], v.Factor, v.Factor, Mode(v.Mode)))(t)
		case "jpeg":
			got = JPEG(small, v.Quality)
		case "gaussian":
			got = small.Clone()
			gaussianNoise(got, 0.07, v.Gray, &counted{})
		case "poisson":
			got = small.Clone()
			poissonNoise(got, 1.7, v.Gray, &counted{})
		default:
			continue
		}
		count[kind]++
		if d := worst(got, v.image()); d > 2e-6 {
			t.Errorf("%s: off by %g", name, d)
		}
	}
	for kind, n := range map[string]int{"kernel": 11, "blur": 3, "down": 3, "classic": 3, "resize": 6, "factor": 6, "jpeg": 3, "gaussian": 2, "poisson": 2} {
		if count[kind] != n {
			t.Errorf("%d vectors of %s, want %d", count[kind], kind, n)
		}
	}
}

func must(m Image, err error) func(*testing.T) Image {
	return func(t *testing.T) Image {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
}

func reduced(t *testing.T, m Image, kind, scale string) Image {
	var s int
	if _, err := fmt.Sscan(scale, &s); err != nil {
		t.Fatal(err)
	}
	m = m.CropMultiple(s)
	if kind == "down" {
		return must(Bicubic(m, s))(t)
	}
	out := must(Bicubic(Blur(m, Anisotropic(21, 1.8, 0.9, 1)), s))(t)
	out.Quantise()
	return out
}

// goldenStage is a stage as the reference writes it.
type goldenStage struct {
	Kernel  []any
	Factor  float64
	Mode    int
	Poisson bool
	Gray    bool
	Level   float64
	Quality float64
}

func (g goldenStage) stage(t *testing.T) stage {
	st := stage{factor: g.Factor, mode: Mode(g.Mode), poisson: g.Poisson, gray: g.Gray, level: g.Level, quality: g.Quality}
	if g.Kernel != nil {
		k := kernelOf(t, g.Kernel)
		st.kernel = &k
	}
	return st
}

// The whole second-order process, with the random numbers of the reference, must give the same bytes.
func TestGoldenSecondOrder(t *testing.T) {
	all := readVectors(t)
	big := all["big"].image()
	for i := range 3 {
		v := all[fmt.Sprintf("second/%d", i)]
		var g struct {
			First, Second goldenStage
			Last          int
			LastKernel    []any `json:"last_kernel"`
			JPEGLast      bool  `json:"jpeg_last"`
		}
		if err := json.Unmarshal(v.Params, &g); err != nil {
			t.Fatal(err)
		}
		p := secondParams{first: g.First.stage(t), second: g.Second.stage(t), last: Mode(g.Last), jpegLast: g.JPEGLast}
		if g.LastKernel != nil {
			k := kernelOf(t, g.LastKernel)
			p.lastKernel = &k
		}
		numbers := &counted{}
		got, err := p.run(big, 4, func(bool) noiseSource { return numbers })
		if err != nil {
			t.Fatal(err)
		}
		if b := got.Bytes(); !slices.Equal(b, v.u8) {
			n, top := 0, 0
			for j := range b {
				if d := int(b[j]) - int(v.u8[j]); d != 0 {
					n++
					top = max(top, d, -d)
				}
			}
			t.Errorf("case %d: %d of %d bytes differ, by at most %d", i, n, len(b), top)
		}
	}
}
