package enginetest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"vsr/media"
	"vsr/sr"
)

// harness opens an engine for one test and wraps its verbs.
type harness struct {
	*testing.T
	sr.Engine
}

func open(t *testing.T, f func() (sr.Engine, error)) *harness {
	t.Helper()
	e, err := f()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return &harness{t, e}
}

func (h *harness) estimate(src *media.Frame) []float32 {
	h.Helper()
	v, err := h.Estimate(context.Background(), src)
	if err != nil {
		h.Fatal(err)
	}
	return v
}

func (h *harness) modulate(v []float32) sr.Degradation {
	h.Helper()
	d, err := h.Modulate(context.Background(), v)
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { d.Close() })
	return d
}

func (h *harness) upscale(src *media.Frame, d sr.Degradation) *media.Frame {
	h.Helper()
	dst := newFrame(src.Format.Scaled(h.Scale()), 99)
	if err := h.Upscale(context.Background(), dst, src, d); err != nil {
		h.Fatal(err)
	}
	return dst
}

// other returns a vector that is not v and means another degradation, if the engine knows any.
func other(v []float32) []float32 {
	out := slices.Clone(v)
	for i := range out {
		out[i] = 2*out[i] + 1 + float32(i%3)
	}
	return out
}

// Generic tests the contract of sr.Engine as far as it holds whatever the engine computes.
func Generic(t *testing.T, f func() (sr.Engine, error)) {
	t.Run("memory", func(t *testing.T) { testMemory(open(t, f)) })
	t.Run("reuse", func(t *testing.T) { testReuse(open(t, f)) })
	t.Run("cancel", func(t *testing.T) { testCancel(open(t, f)) })
	t.Run("bad calls", func(t *testing.T) { testBadCalls(open(t, f), open(t, f)) })
	t.Run("close", func(t *testing.T) { testClose(open(t, f)) })
}

// testMemory checks that all samples of dst are written and nothing else is, and that nothing but samples of src is read.
func testMemory(t *harness) {
	var all []media.Format
	for _, size := range sizes {
		all = append(all, formats(size[0], size[1])[0])
	}
	all = append(all, formats(6, 5)...)
	for i, f := range all {
		src := testFrame(f, uint64(i))
		keep := copyFrame(src)
		v := t.estimate(src)
		d := t.modulate(v)
		dst := newFrame(f.Scaled(t.Scale()), 1)
		clean := copyFrame(dst)
		if err := t.Upscale(context.Background(), dst, src, d); err != nil {
			t.Fatalf("%v: %v", f, err)
		}
		if !sameElsewhere(dst, clean) {
			t.Errorf("%v: bytes outside the output frame are written", f)
		}
		if !sameBytes(src, keep) {
			t.Errorf("%v: the input is written to", f)
		}
		again := newFrame(f, 1000) // the same frame between other bytes
		for p := range colorPlanes(f) {
			_, h := f.PlaneSize(p)
			for y := range h {
				copy(again.Row(p, y), src.Row(p, y))
			}
		}
		if !slices.Equal(t.estimate(again), v) {
			t.Errorf("%v: the estimate depends on bytes outside the frame", f)
		}
		t.upscale(testFrame(f, 5000), d) // so that an engine that knows repeats computes again
		second := newFrame(dst.Format, 2)
		if err := t.Upscale(context.Background(), second, again, d); err != nil {
			t.Fatalf("%v: %v", f, err)
		}
		if !sameFrame(dst, second) {
			t.Errorf("%v: the frame depends on bytes outside the frame, or is not written whole", f)
		}
	}
}

// testReuse switches between frames, sizes and degradations: none may leave a trace in the next.
func testReuse(t *harness) {
	format := formats(19, 11)[0]
	a, b := testFrame(format, 1), testFrame(format, 2)
	large := testFrame(formats(29, 23)[9], 3)
	v := t.estimate(a)
	one, two := t.modulate(v), t.modulate(other(v))
	first, changed := t.upscale(a, one), t.upscale(a, two)
	if len(v) > 1 && sameFrame(first, changed) {
		t.Error("two degradations give one frame")
	}
	steps := map[string]func(){
		"another frame":       func() { t.upscale(b, one) },
		"another size":        func() { t.upscale(large, two) },
		"another degradation": func() { t.upscale(a, two) },
		"an estimate":         func() { t.estimate(large) },
		"a closed degradation": func() {
			three := t.modulate(other(other(v)))
			t.upscale(a, three)
			if err := three.Close(); err != nil {
				t.Error(err)
			}
		},
		"the same": func() {},
	}
	for name, step := range steps {
		step()
		if !sameFrame(t.upscale(a, one), first) {
			t.Errorf("after %s the frame is another", name)
		}
		if !sameFrame(t.upscale(a, two), changed) {
			t.Errorf("after %s the frame of the second degradation is another", name)
		}
		step()
		if !slices.Equal(t.estimate(a), v) {
			t.Errorf("after %s the estimate is another", name)
		}
	}
}

func testCancel(t *harness) {
	src := testFrame(formats(21, 13)[0], 1)
	v := t.estimate(src)
	d := t.modulate(v)
	want := t.upscale(src, d)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := t.Estimate(ctx, src); !errors.Is(err, context.Canceled) {
		t.Errorf("estimate: %v, want canceled", err)
	}
	if _, err := t.Modulate(ctx, v); !errors.Is(err, context.Canceled) {
		t.Errorf("modulate: %v, want canceled", err)
	}
	if err := t.Upscale(ctx, newFrame(want.Format, 1), testFrame(src.Format, 2), d); !errors.Is(err, context.Canceled) {
		t.Errorf("upscale: %v, want canceled", err)
	}
	if !sameFrame(t.upscale(src, d), want) {
		t.Error("a cancelled call changes the next one")
	}
}

func testBadCalls(t, stranger *harness) {
	ctx := context.Background()
	src := testFrame(formats(6, 5)[0], 1)
	v := t.estimate(src)
	d := t.modulate(v)
	good := src.Format.Scaled(t.Scale())
	for name, change := range map[string]func(*media.Format){
		"width":  func(f *media.Format) { f.Width++ },
		"height": func(f *media.Format) { f.Height-- },
		"layout": func(f *media.Format) { f.Layout = media.YUV444 },
		"depth":  func(f *media.Format) { f.Depth = 10 },
		"range":  func(f *media.Format) { f.Color.Range = media.RangeFull },
	} {
		f := good
		change(&f)
		if err := t.Upscale(ctx, newFrame(f, 1), src, d); err == nil {
			t.Errorf("an output of another %s is accepted", name)
		}
	}
	if _, err := t.Modulate(ctx, append(v[:len(v):len(v)], 0)); err == nil {
		t.Error("a vector that is too long is accepted")
	}
	if _, err := t.Modulate(ctx, nil); err == nil {
		t.Error("no vector is accepted")
	}
	if err := t.Upscale(ctx, newFrame(good, 1), src, stranger.modulate(v)); err == nil {
		t.Error("a degradation of another engine is accepted")
	}
	if err := t.Upscale(ctx, newFrame(good, 1), src, nil); err == nil {
		t.Error("no degradation is accepted")
	}
	t.upscale(src, d)
}

func testClose(t *harness) {
	ctx := context.Background()
	src := testFrame(formats(6, 5)[0], 1)
	v := t.estimate(src)
	d := t.modulate(v)
	t.upscale(src, d)
	for range 2 {
		if err := t.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := t.Estimate(ctx, src); err == nil {
		t.Error("a closed engine estimates")
	}
	if _, err := t.Modulate(ctx, v); err == nil {
		t.Error("a closed engine modulates")
	}
	if err := t.Upscale(ctx, newFrame(src.Format.Scaled(t.Scale()), 1), src, d); err == nil {
		t.Error("a closed engine upscales")
	}
	if err := d.Close(); err != nil {
		t.Error("a degradation does not outlive its engine:", err)
	}
}
