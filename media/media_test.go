package media

import (
	"context"
	"errors"
	"testing"
	"time"
	"unsafe"
)

func format(w, h int, l Layout, depth int) Format {
	return Format{Width: w, Height: h, Layout: l, Depth: depth}
}

func TestPlaneSizes(t *testing.T) {
	for _, c := range []struct {
		f                Format
		planes           int
		chromaW, chromaH int
	}{
		{format(5, 3, YUV420, 8), 3, 3, 2}, {format(5, 3, YUV422, 8), 3, 3, 3}, {format(5, 3, YUV444, 10), 3, 5, 3}, {format(1, 1, YUV420, 16), 3, 1, 1},
		{format(5, 3, Gray, 8), 1, 5, 3},
	} {
		if n := c.f.Planes(); n != c.planes {
			t.Errorf("%v: %d planes, want %d", c.f, n, c.planes)
		}
		if w, h := c.f.PlaneSize(1); w != c.chromaW || h != c.chromaH {
			t.Errorf("%v: chroma %dx%d, want %dx%d", c.f, w, h, c.chromaW, c.chromaH)
		}
		c.f.Alpha = true
		if w, h := c.f.PlaneSize(c.f.Planes() - 1); w != c.f.Width || h != c.f.Height {
			t.Errorf("%v: alpha %dx%d", c.f, w, h)
		}
	}
}

func TestRowsAreAlignedAndApart(t *testing.T) {
	for _, f := range []Format{format(17, 5, YUV420, 8), format(17, 5, YUV422, 10), format(1, 1, Gray, 8), {Width: 3, Height: 3, Layout: YUV444, Depth: 12, Alpha: true}} {
		fr := NewFrame(f)
		for p := range f.Planes() {
			_, h := f.PlaneSize(p)
			for y := range h {
				row := fr.Row(p, y)
				if uintptr(unsafe.Pointer(&row[0]))%Align != 0 {
					t.Fatalf("%v: plane %d row %d does not start on %d bytes", f, p, y, Align)
				}
				for i := range row {
					if row[i] != 0 {
						t.Fatalf("%v: plane %d row %d shares bytes with an earlier one", f, p, y)
					}
					row[i] = byte(p*50 + y + 1)
				}
			}
		}
	}
}

func TestValidate(t *testing.T) {
	for _, f := range []Format{format(0, 1, Gray, 8), format(1, -1, Gray, 8), format(1, 1, YUV444+1, 8), format(1, 1, Gray, 7), format(1, 1, Gray, 17)} {
		if f.Validate() == nil {
			t.Errorf("%+v is accepted", f)
		}
	}
}

func TestPoolIsTheBound(t *testing.T) {
	p := NewPool(format(4, 4, YUV420, 8), 2, nil)
	ctx := context.Background()
	a, errA := p.Get(ctx)
	b, errB := p.Get(ctx)
	if errA != nil || errB != nil || p.Outstanding() != 2 {
		t.Fatal(errA, errB, p.Outstanding())
	}
	short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	if _, err := p.Get(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a third frame came from a pool of two: %v", err)
	}
	a.PTS, a.Scene, a.Like, a.Repeat = 7, 3, 2, true
	a.Release()
	c, err := p.Get(ctx)
	if err != nil || c != a || c.PTS != 0 || c.Scene != 0 || c.Like != 0 || c.Repeat {
		t.Errorf("the frame that came back: %+v, %v; want the same memory without its old marks", c, err)
	}
	b.Release()
	c.Release()
	if p.Outstanding() != 0 {
		t.Errorf("%d frames out", p.Outstanding())
	}
}

func TestOwnership(t *testing.T) {
	p := NewPool(format(4, 4, Gray, 8), 1, nil)
	f, err := p.Get(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	f.Retain()
	f.Release()
	if p.Outstanding() != 1 {
		t.Error("one owner is left: the frame must be out")
	}
	f.Release()
	for name, misuse := range map[string]func(){"release": f.Release, "retain": f.Retain} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s of a released frame does not panic", name)
				}
			}()
			misuse()
		}()
	}
}

func TestRational(t *testing.T) {
	if (Rational{1, 0}).Float() != 0 || (Rational{3, 4}).Float() != 0.75 || (Rational{30000, 1001}).String() != "30000/1001" {
		t.Error("rational arithmetic is wrong")
	}
}
