package clips

import (
	"context"
	"errors"
	"strings"
	"testing"

	"vsr/internal/testmedia"
	"vsr/media"
	"vsr/sr/cpu"
	"vsr/sr/engines"
)

// Clips: two scenes each on both sides, near enough; a network that is not the same is found out.
func TestEngineJudgesClips(t *testing.T) {
	w, err := engines.Weights(clipModel)
	if err != nil {
		t.Fatal(err)
	}
	o := testmedia.Options{Frames: 4, Cuts: []int{2}, Format: media.Format{Width: 37, Height: 21, Layout: media.YUV420, Depth: 8, Color: media.Color{Matrix: 1, Range: 1, Primaries: 1, Transfer: 1, Siting: 1}}}
	run := func() []*media.Frame {
		e, err := cpu.New(w, cpu.Options{Precision: "fp32"})
		if err != nil {
			t.Fatal(err)
		}
		all, err := throughPipeline(context.Background(), o, e)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	a := run()
	w.Tensors["G.tail.0.bias"].Data[0] += 0.05
	b := run()
	if text, err := judgeClips(a, a, 4); err != nil || !strings.Contains(text, "2 scenes, largest difference 0 levels") {
		t.Errorf("the same frames: %q, %v", text, err)
	}
	if text, err := judgeClips(a, b, 4); err == nil {
		t.Errorf("another network passes: %s", text)
	}
	if text, err := judgeClips(a[:3], a, 4); err == nil {
		t.Errorf("a lost frame passes: %s", text)
	}
	a[3].Scene = 1
	if text, err := judgeClips(run(), a, 4); err == nil {
		t.Errorf("another scene passes: %s", text)
	}
}

// brokenGPU lends memory and copies nothing.
type brokenGPU struct{}

var errBroken = errors.New("no copy")

func (brokenGPU) Take(media.Format, bool) (*media.Surface, error) {
	return &media.Surface{GPU: brokenGPU{}, Semi: true}, nil
}
func (brokenGPU) Give(*media.Surface)          {}
func (brokenGPU) Copy(_, _ *media.Frame) error { return errBroken }

// pooled gives frames of a pool.
type pooled struct{ pool *media.Pool }

func (p pooled) Next(ctx context.Context) (media.Unit, error) {
	fr, err := p.pool.Get(ctx)
	return media.Unit{Frame: fr}, err
}

// TestFailuresKeepNoFrame: a copy that fails gives both frames back.
func TestFailuresKeepNoFrame(t *testing.T) {
	f := media.Format{Width: 16, Height: 8, Layout: media.YUV420, Depth: 8}
	host, surfaces := media.NewPool(f, 2, nil), media.NewSurfacePool(f, 2, brokenGPU{}, true)
	for range 3 {
		if _, err := encodeNext(t.Context(), pooled{host}, surfaces, brokenGPU{}, nil); !errors.Is(err, errBroken) {
			t.Fatalf("error %v, want %v", err, errBroken)
		}
	}
	if a, b := host.Outstanding(), surfaces.Outstanding(); a != 0 || b != 0 {
		t.Errorf("%d frames of the source and %d of the GPU are out", a, b)
	}
}
