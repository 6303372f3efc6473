package sr

import (
	"context"
	"errors"
	"testing"

	"vsr/media"
)

// desk is a GPU whose frames are all the same: gray, or what show draws.
type desk struct {
	out  int
	show byte
	fail error
}

func (d *desk) Take(media.Format, bool) (*media.Surface, error) {
	d.out++
	return &media.Surface{GPU: d}, nil
}

func (d *desk) Give(*media.Surface) { d.out-- }

func (d *desk) Copy(dst, _ *media.Frame) error {
	for y := range dst.Height {
		for x := range dst.Row(0, y) {
			dst.Row(0, y)[x] = 16
			if d.show != 'b' {
				dst.Row(0, y)[x] = byte(40 + 150*((x+y)%2))
			}
		}
	}
	return d.fail
}

// cardEngine writes nowhere, as its frames are not to be looked at.
type gpuEngine struct{ fakeEngine }

func (e *gpuEngine) Upscale(context.Context, *media.Frame, *media.Frame, Degradation) error {
	return nil
}

// Output frames lie on the GPU where the codecs of GPUs could take them, and on the host otherwise; none stays taken.
func TestOutputOnGPU(t *testing.T) {
	plain := media.Format{Width: 16, Height: 12, Layout: media.YUV420, Depth: 8}
	with := func(change func(f *media.Format)) media.Format {
		f := plain
		change(&f)
		return f
	}
	for name, c := range map[string]struct {
		format media.Format
		height int
		want   bool
	}{
		"8 bits":    {plain, 0, true},
		"10 bits":   {with(func(f *media.Format) { f.Depth = 10 }), 0, true},
		"12 bits":   {with(func(f *media.Format) { f.Depth = 12 }), 0, false},
		"4:2:2":     {with(func(f *media.Format) { f.Layout = media.YUV422 }), 0, false},
		"alpha":     {with(func(f *media.Format) { f.Alpha = true }), 0, false},
		"resampled": {plain, 20, false},
	} {
		gpu := &desk{}
		e := &gpuEngine{fakeEngine{Bicubic: Bicubic{scale: 2}, next: ptsVector}}
		u, err := New(e, Options{GPU: gpu, Height: c.height, Frames: 1})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			fr, err := u.Process(context.Background(), media.NewFrame(c.format))
			if err != nil {
				t.Fatal(err)
			}
			if got := fr.Surface != nil; got != c.want || gpu.out > 1 {
				t.Errorf("%s: on the GPU %v, want %v; %d frames taken", name, got, c.want, gpu.out)
			}
			fr.Release()
		}
		// Another size takes another pool, and the memory of the old one goes back.
		small := c.format
		small.Width, small.Height = 8, 6
		if fr, err := u.Process(context.Background(), media.NewFrame(small)); err != nil {
			t.Error(err)
		} else {
			fr.Release()
		}
		if gpu.out > 1 {
			t.Errorf("%s: %d frames taken after a change of size", name, gpu.out)
		}
		u.Close()
		if gpu.out != 0 {
			t.Errorf("%s: %d frames are still taken", name, gpu.out)
		}
	}
}

// Whether a frame on the GPU tells something is seen in its frame: a black one is estimated again.
func TestInformativeOnGPU(t *testing.T) {
	gpu := &desk{show: 'b'}
	e := &gpuEngine{fakeEngine{Bicubic: Bicubic{scale: 2}, next: ptsVector}}
	u, err := New(e, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	frame := func(pts int64) *media.Frame {
		fr := media.NewSurfaceFrame(media.Format{Width: 16, Height: 12, Layout: media.YUV420, Depth: 8}, media.Surface{GPU: gpu})
		fr.PTS, fr.Scene = pts, 1
		return fr
	}
	process := func(pts int64) error {
		out, err := u.Process(context.Background(), frame(pts))
		if err == nil {
			out.Release()
		}
		return err
	}
	for pts, show := range []byte("bbnn") {
		gpu.show = show
		if err := process(int64(pts)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(e.estimated); n != 2 || e.estimated[1] != 2 {
		t.Errorf("estimated %v, want the first frame and the first that is not black", e.estimated)
	}
	u.Forget()
	gpu.fail = &media.GPUError{Err: errors.New("gone")}
	var gone *media.GPUError
	if err := process(9); !errors.As(err, &gone) {
		t.Errorf("error %v, want that of the GPU", err)
	}
}
