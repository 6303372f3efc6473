//go:build nvidia

package cuda

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"vsr/media"
	"vsr/sr"
	"vsr/sr/enginetest"
	"vsr/sr/kdsr"
)

// The tests of this file want a real card; scripts/gpu-check.sh runs them.
func onlyOnCard(t testing.TB) {
	t.Helper()
	if !onCard() {
		t.Skip("set VSR_TEST_REAL_GPU=1 to run this on a card")
	}
}

func verifyCard(t *testing.T, o VerifyOptions) *Report {
	t.Helper()
	onlyOnCard(t)
	r, err := Verify(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := r.Write(&text); err != nil {
		t.Fatal(err)
	}
	fmt.Print(text.String())
	if !r.OK() {
		t.Error("the card does not pass")
	}
	return r
}

func TestCard(t *testing.T) {
	r := verifyCard(t, VerifyOptions{})
	if file := os.Getenv("VSR_REPORT"); file != "" {
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCardShort(t *testing.T) { verifyCard(t, VerifyOptions{Short: true, Repeats: 2}) }

func TestEngineOnCard(t *testing.T) {
	onlyOnCard(t)
	enginetest.Run(t, func(w *kdsr.Weights) (sr.Engine, error) { return New(w, Options{}) }, tolerance)
}

// BenchmarkUpscale is one frame at a time, from planes to planes, without any overlap.
func BenchmarkUpscale(b *testing.B) {
	onlyOnCard(b)
	if all, err := Devices(); err != nil || strings.HasPrefix(all[0].Name, "FAKE") {
		b.Skip("an emulated card has no speed")
	}
	for _, size := range []struct {
		name string
		w, h int
	}{{"360p", 640, 360}, {"720p", 1280, 720}} {
		for _, model := range []string{"fast", "base"} {
			b.Run("cuda/"+size.name+"/"+model, func(b *testing.B) {
				e := open(b, preset(b, model, 2, 99, 99))
				f := yuv(size.w, size.h)
				src, dst := picture(f, 1), media.NewFrame(f.Scaled(2))
				ctx := context.Background()
				d, err := e.Modulate(ctx, make([]float32, e.w.Config.C))
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if err := e.Upscale(ctx, dst, src, d); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
			})
		}
	}
}
