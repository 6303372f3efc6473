package feature

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vsr/internal/quality"
	"vsr/sr/kdsr"
	"vsr/train/graph"
)

// formula repeats values of tools/golden/train.py.
func formula(name string, n int) []float32 {
	h := uint32(2166136261)
	for _, b := range []byte(name) {
		h = (h ^ uint32(b)) * 16777619
	}
	out := make([]float32, n)
	for i := range out {
		x := h + uint32(i)*2654435761
		for range 2 {
			x ^= x >> 16
			x *= 0x45d9f3b
		}
		out[i] = float32(float64(x^x>>16) / (1 << 32))
	}
	return out
}

// TestSqueezeNet compares loss and gradient with PyTorch's of the same file.
func TestSqueezeNet(t *testing.T) {
	const file = "../../../shared/data/perceptual/squeezenet1.1_fp16.onnx"
	if _, err := os.Stat(file); err != nil {
		t.Skipf("the feature network is not here: %v", err)
	}
	net, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open("../testdata/step.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, _ := f.Stat()
	want, _, err := kdsr.ReadTensors(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	const b, side = 2, 48
	hr := formula("hr.0", b*side*side*3)
	flipped := make([]float32, len(hr))
	for row := range b * side {
		for x := range side {
			copy(flipped[(row*side+x)*3:][:3], hr[(row*side+side-1-x)*3:])
		}
	}
	w := &kdsr.Weights{Tensors: map[string]kdsr.Tensor{"x": {Shape: []int{b, side, side, 3}, Data: flipped}}}
	gr := graph.New(nil)
	x, target := gr.Variable(w.Tensors["x"], "x"), gr.Input("target", b, side, side, 3)
	loss := gr.Perceptual(net, x, target)
	p, out, err := gr.Compile(loss, loss)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Feed(target, hr); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	ref := float64(want["squeezenet/loss"].Data[0])
	if got := float64(out[0].Floats()[0]); math.Abs(got-ref) > 1e-4*ref {
		t.Errorf("loss %.6f, PyTorch has %.6f", got, ref)
	}
	grad, err := p.Params[0].Grad()
	if err != nil {
		t.Fatal(err)
	}
	// ReLU and max pooling decide by comparison: where two values are almost equal, the last digit of float32 chooses the
	// path of a gradient. So the whole gradient is compared, not its largest difference.
	var diff, norm float64
	for i, v := range grad.Data().([]float32) {
		r := float64(want["squeezenet/grad"].Data[i])
		diff, norm = diff+(float64(v)-r)*(float64(v)-r), norm+r*r
	}
	if math.Sqrt(diff/norm) > 1e-3 {
		t.Errorf("gradient differs by %.3g of its norm", math.Sqrt(diff/norm))
	}
}

// The distances of two patterns and of a photograph at a quarter of its size, by ONNX Runtime on the same file (the linear weights are
// those of the lpips package 0.1.4; VSR_LPIPS_LINEAR names its weights/v0.1/squeeze.pth).
func TestDistance(t *testing.T) {
	const file = "../../../shared/data/perceptual/squeezenet1.1_fp16.onnx"
	if _, err := os.Stat(file); err != nil {
		t.Skipf("the feature network is not here: %v", err)
	}
	pattern := func(seed int) quality.Image {
		m := quality.Image{W: 96, H: 80, Pix: make([]byte, 96*80*3)}
		for i := range m.Pix {
			x, y, c := i/3%96, i/3/96, i%3
			m.Pix[i] = byte((x*7 + y*13 + c*31 + (x*y*seed)%29*3) % 256)
		}
		return m
	}
	for linear, want := range map[string]float64{"": 3.1481821537, os.Getenv("VSR_LPIPS_LINEAR"): 0.3081659339} {
		if linear == "" {
			want = 3.1481821537
		}
		d, err := OpenDistance(file, linear)
		if err != nil {
			t.Fatal(err)
		}
		a, err := d.Extract(pattern(1))
		if err != nil {
			t.Fatal(err)
		}
		b, err := d.Extract(pattern(2))
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Distance(a, b); math.Abs(got-want) > 2e-4*want {
			t.Errorf("%s: distance %.6f, want %.6f", d.Name(), got, want)
		}
		if got := d.Distance(a, a); got != 0 {
			t.Errorf("an image is %g from itself", got)
		}
		if _, err := d.Extract(quality.Image{W: 8, H: 8, Pix: make([]byte, 192)}); err == nil {
			t.Error("8x8 pixels have features")
		}
	}
}

func TestBadFiles(t *testing.T) {
	dir := t.TempDir()
	for name, want := range map[string]string{
		"a.onnx": "damaged", "b.onnx": "no tensors", "c.vgg": "want a file", "d.safetensors": "", "e.pth": "",
	} {
		text := map[string]string{"a.onnx": "\xff\xff\xff", "b.onnx": "", "c.vgg": "x", "d.safetensors": "x", "e.pth": "\x80\x02 no pickle"}[name]
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v, want one with %q and the name", name, err, want)
		}
	}
	if _, err := Open(filepath.Join(dir, "absent.onnx")); err == nil {
		t.Error("an absent file was opened")
	}
}

func TestHalf(t *testing.T) {
	for h, want := range map[uint16]float32{0: 0, 0x3c00: 1, 0xc000: -2, 0x0001: 5.9604645e-08, 0x7bff: 65504, 0x3555: 0.33325195} {
		if got := half(h); got != want {
			t.Errorf("half(%#04x) = %v, want %v", h, got, want)
		}
	}
}

func FuzzInitializers(f *testing.F) {
	f.Add([]byte{0x3a, 0x06, 0x2a, 0x04, 0x08, 0x02, 0x10, 0x01})
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = initializers(b) })
}
