package media

import (
	"context"
	"errors"
	"testing"
)

// shelf is a GPU that counts what is taken from it.
type shelf struct{ out, most, limit int }

func (s *shelf) Take(Format, bool) (*Surface, error) {
	if s.out == s.limit {
		return nil, &GPUError{errors.New("full")}
	}
	s.out++
	s.most = max(s.most, s.out)
	return &Surface{GPU: s}, nil
}

func (s *shelf) Give(*Surface) { s.out-- }

func (s *shelf) Copy(dst, _ *Frame) error {
	dst.Plane[0][0] = 42
	return nil
}

// A pool on a GPU takes memory once for each frame and gives all of it back, that of frames which come home late too.
func TestSurfacePool(t *testing.T) {
	s, ctx := &shelf{limit: 10}, context.Background()
	p := NewSurfacePool(format(4, 4, YUV420, 8), 2, s, true)
	if !p.OnGPU() || NewPool(p.Format(), 1, nil).OnGPU() {
		t.Error("a pool does not know where its frames lie")
	}
	get := func() *Frame {
		fr, err := p.Get(ctx)
		if err != nil || fr.Surface == nil || fr.Format != p.Format() {
			t.Fatalf("frame %+v, error %v", fr, err)
		}
		return fr
	}
	for range 5 {
		a, b := get(), get()
		a.Release()
		b.Release()
	}
	late := get()
	if s.most != 2 {
		t.Errorf("%d frames taken, want 2", s.most)
	}
	p.Close()
	p.Close()
	if s.out != 1 {
		t.Errorf("%d frames out after Close, want the one in use", s.out)
	}
	late.Release()
	if s.out != 0 || p.Outstanding() != 0 {
		t.Errorf("%d frames, %d frames out at the end", s.out, p.Outstanding())
	}
}

// A GPU that is full fails Get, and the place in the pool is not lost.
func TestSurfacePoolOfAFullGPU(t *testing.T) {
	s, ctx := &shelf{}, context.Background()
	p := NewSurfacePool(format(4, 4, YUV420, 8), 1, s, true)
	var full *GPUError
	if _, err := p.Get(ctx); !errors.As(err, &full) {
		t.Fatalf("error %v, want a *GPUError", err)
	}
	s.limit = 1
	fr, err := p.Get(ctx)
	if err != nil {
		t.Fatal(err)
	}
	fr.Release()
	p.Close()
	var none *Pool
	none.Close()
}

func TestLand(t *testing.T) {
	fr := NewSurfaceFrame(format(4, 4, Gray, 8), Surface{GPU: &shelf{}})
	fr.PTS, fr.Scene = 5, 6
	down, err := fr.Land()
	if err != nil || down.Plane[0][0] != 42 || down.PTS != 5 || down.Scene != 6 || down.Surface != nil {
		t.Errorf("frame %+v, error %v", down, err)
	}
	fr.Release()
	down.Release()
}
