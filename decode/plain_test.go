package decode_test

import (
	"context"
	"math"
	"testing"

	"vsr/decode"
	"vsr/media"
)

// TestPlain420 decodes every kind of pixel format to what a live feed takes. Red and gray levels must stay what they are.
func TestPlain420(t *testing.T) {
	type level struct {
		name    string
		r, g, b float64
	}
	levels := []level{{"red", 1, 0, 0}, {"white", 1, 1, 1}, {"black", 0, 0, 0}, {"0x808080", 128 / 255., 128 / 255., 128 / 255.}}
	for _, pf := range []string{"yuv420p", "yuyv422", "uyvy422", "yuvj420p", "yuvj422p", "yuvj444p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p16le",
		"nv12", "p010le", "rgb24", "bgr0", "rgba", "gbrp", "rgb565le", "yuva420p"} {
		for _, l := range levels {
			s, err := decode.Open(context.Background(), "color="+l.name+":s=66x34:r=10:d=0.2,format="+pf, decode.Options{Format: "lavfi", Plain420: true})
			if err != nil {
				t.Errorf("%s: %v", pf, err)
				continue
			}
			u, err := s.Next(context.Background())
			if err != nil {
				t.Fatalf("%s: %v", pf, err)
			}
			f := u.Frame
			if f.Layout != media.YUV420 || f.Depth != 8 || f.Alpha || f.Color.Range != media.RangeLimited {
				t.Errorf("%s became %v, alpha %v, range %d", pf, f.Format, f.Alpha, f.Color.Range)
			}
			if got := s.Info().Format; got != f.Format {
				t.Errorf("%s: the info says %v, the frame is %v", pf, got, f.Format)
			}
			kr, kb := f.LumaWeights()
			y := kr*l.r + (1-kr-kb)*l.g + kb*l.b
			want := [3]float64{16 + 219*y, 128 + 224*(l.b-y)/(2*(1-kb)), 128 + 224*(l.r-y)/(2*(1-kr))}
			for p := range 3 {
				if got := float64(f.Row(p, 7)[9]); math.Abs(got-want[p]) > 3 {
					t.Errorf("%s %s, matrix %d: plane %d is %v, want %.0f", pf, l.name, f.Color.Matrix, p, got, want[p])
				}
			}
			u.Release()
			s.Close()
		}
	}
}

// TestPlain420OfGray: gray is of full range, as players have it, and its chroma is none.
func TestPlain420OfGray(t *testing.T) {
	for filter, want := range map[string]float64{"gray,geq=lum=200": 16 + 219*200/255., "gray10le,geq=lum=800": 16 + 219*800/1023., "gray,geq=lum=0": 16, "gray,geq=lum=255": 235} {
		s, err := decode.Open(context.Background(), "color=white:s=66x34:r=10:d=0.2,format="+filter, decode.Options{Format: "lavfi", Plain420: true})
		if err != nil {
			t.Fatal(err)
		}
		u, err := s.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		f := u.Frame
		if y, cb, cr := float64(f.Row(0, 7)[9]), f.Row(1, 7)[9], f.Row(2, 7)[9]; math.Abs(y-want) > 2 || cb != 128 || cr != 128 {
			t.Errorf("%s: %v %v %v of %v, want %.0f 128 128", filter, y, cb, cr, f.Format, want)
		}
		u.Release()
		s.Close()
	}
}
