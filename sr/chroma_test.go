package sr

import (
	"bytes"
	"context"
	"testing"

	"vsr/media"
)

// tintedEngine gives bicubic's luma, 10 levels brighter, and wrong color.
type tintedEngine struct{ Bicubic }

func (e *tintedEngine) Upscale(ctx context.Context, dst, src *media.Frame, d Degradation) error {
	if err := e.Bicubic.Upscale(ctx, dst, src, d); err != nil {
		return err
	}
	add := [3]int{10, 25, -40}
	if dst.Color.Matrix == media.MatrixRGB {
		add = [3]int{10 + 5, 10 - 8, 10 + 11} // G, B, R
	}
	for p := range dst.Planes() {
		w, h := dst.PlaneSize(p)
		for y := range h {
			row := dst.Row(p, y)
			for x := range w {
				row[x] = byte(min(max(int(row[x])+add[p], 0), 255))
			}
		}
	}
	return nil
}

func coloredFrame(f media.Format, gray bool) *media.Frame {
	m := media.NewFrame(f)
	for p := range m.Planes() {
		w, h := m.PlaneSize(p)
		for y := range h {
			for x := range w {
				v := 90 + 11*p + (7*x+5*y*(p+1))%60
				if gray {
					if v = 90 + (7*x+5*y)%60; p > 0 && f.Color.Matrix != media.MatrixRGB {
						v = 128
					}
				}
				m.Row(p, y)[x] = byte(v)
			}
		}
	}
	return m
}

func upscaled(t *testing.T, e Engine, f media.Format, o Options, gray bool) *media.Frame {
	t.Helper()
	u, err := New(e, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = u.Close() })
	out, err := u.Process(context.Background(), coloredFrame(f, gray))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestChromaIsBicubics(t *testing.T) {
	for name, f := range map[string]media.Format{
		"420":  {Width: 18, Height: 14, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: media.MatrixBT709}},
		"422":  {Width: 18, Height: 14, Layout: media.YUV422, Depth: 8, Color: media.Color{Matrix: media.MatrixBT709}},
		"444":  {Width: 17, Height: 13, Layout: media.YUV444, Depth: 8, Color: media.Color{Matrix: media.MatrixBT709}},
		"gray": {Width: 17, Height: 13, Layout: media.Gray, Depth: 8},
	} {
		t.Run(name, func(t *testing.T) {
			want := upscaled(t, &Bicubic{scale: 2}, f, Options{}, false)
			got := upscaled(t, &tintedEngine{Bicubic{scale: 2}}, f, Options{}, false)
			network := upscaled(t, &tintedEngine{Bicubic{scale: 2}}, f, Options{Chroma: ChromaNetwork}, false)
			for p := range want.Planes() {
				w, h := want.PlaneSize(p)
				for y := range h {
					if p > 0 && !bytes.Equal(want.Row(p, y)[:w], got.Row(p, y)[:w]) {
						t.Fatalf("chroma plane %d row %d differs from bicubic's", p, y)
					}
					if p > 0 && bytes.Equal(want.Row(p, y)[:w], network.Row(p, y)[:w]) {
						t.Fatalf("chroma plane %d row %d is bicubic's although the network's was asked for", p, y)
					}
					if p == 0 && !bytes.Equal(network.Row(p, y)[:w], got.Row(p, y)[:w]) {
						t.Fatalf("luma row %d is not the network's", y)
					}
				}
			}
		})
	}
}

// Resampling to another height takes color from the input in one step, and it is the color of a bicubic engine of that height.
func TestChromaWithHeight(t *testing.T) {
	f := media.Format{Width: 18, Height: 14, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: media.MatrixBT709}}
	out := upscaled(t, &tintedEngine{Bicubic{scale: 2}}, f, Options{Height: 42}, true)
	for p := 1; p < 3; p++ {
		w, h := out.PlaneSize(p)
		for y := range h {
			for x, v := range out.Row(p, y)[:w] {
				if v != 128 {
					t.Fatalf("chroma plane %d at %d,%d is %d, want neutral 128", p, x, y, v)
				}
			}
		}
	}
}

// Gray RGB stays gray, and RGB takes the network's luma.
func TestChromaOfRGB(t *testing.T) {
	f := media.Format{Width: 17, Height: 13, Layout: media.YUV444, Depth: 8, Color: media.Color{Matrix: media.MatrixRGB, Range: media.RangeFull}}
	want := upscaled(t, &Bicubic{scale: 2}, f, Options{}, true)
	got := upscaled(t, &tintedEngine{Bicubic{scale: 2}}, f, Options{}, true)
	for y := range got.Height {
		for x := range got.Width {
			g, b, r := got.Row(0, y)[x], got.Row(1, y)[x], got.Row(2, y)[x]
			if g != b || g != r {
				t.Fatalf("gray became G %d B %d R %d at %d,%d", g, b, r, x, y)
			}
			// The engine added 15 to G, 2 to B and 21 to R, so 15.3 to BT.709 luma.
			if d := int(g) - int(want.Row(0, y)[x]); d != 15 {
				t.Fatalf("luma rose by %d at %d,%d, want 15", d, x, y)
			}
		}
	}
}
