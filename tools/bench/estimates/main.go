// Command estimates compares ways to estimate the degradation of a scene: from its first informative frame, as vsr run does, or from several
// frames or parts of frames, chosen by place or by how much texture they have. Each video is halved, coded with H.264 and enlarged
// again by a model for x2, scene by scene.
//
//	go run ./tools/bench/estimates -model fast-x2 -frames 48 -crf 28 clip.mp4 other.webm
//
// It prints, for each way, how far its vector lies from that of the other half of the scene's frames, which it has not seen (root mean square
// over values and scenes, as a share of the deviation of all vectors), and the PSNR of luma of what is enlarged with it, in dB, as a
// difference from the first informative frame's.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"vsr/decode"
	"vsr/internal/quality"
	"vsr/media"
	"vsr/scene"
	"vsr/sr"
	"vsr/sr/engines"
	"vsr/train/degrade"
)

func main() {
	model := flag.String("model", "fast-x2", "built-in model or .safetensors file, for x2")
	frames := flag.Int("frames", 48, "frames of each video, from its start")
	crf := flag.Int("crf", 28, "of the H.264 that the halved frames are coded with")
	threads := flag.Int("threads", 1, "0 is all cores")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *model, *frames, *crf, *threads, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "estimates:", err)
		os.Exit(1)
	}
}

// shot is a scene: originals, and what is enlarged.
type shot struct {
	sharp, small []*media.Frame
	vectors      [][]float32 // of each small frame
	textures     []float64
}

// way makes a vector of the frames of a scene that it may see, those of even numbers.
type way struct {
	name string
	of   func(ctx context.Context, e sr.Engine, s *shot) ([]float32, error)
}

// ways in the order of the table; the first is what the others are compared with.
var ways = []way{
	{"first informative frame", first(1, false)},
	{"mean of the first 4", first(4, false)},
	{"mean of 4 over the scene", spread(4)},
	{"mean of 8 over the scene", spread(8)},
	{"most texture of the first 8", first(8, true)},
	{"half of the first frame with most texture", richestPart},
}

func run(ctx context.Context, out io.Writer, model string, frames, crf, threads int, clips []string) error {
	if len(clips) == 0 {
		return errors.New("name some videos")
	}
	e, err := engines.Open(ctx, engines.Options{Model: model, Device: "cpu", Threads: threads})
	if err != nil {
		return err
	}
	defer e.Close()
	if e.Scale() != 2 {
		return fmt.Errorf("%s enlarges by %d: want a model for x2", e.Name, e.Scale())
	}
	var shots []*shot
	for _, clip := range clips {
		list, err := read(ctx, clip, frames, crf)
		if err != nil {
			return fmt.Errorf("%s: %w", clip, err)
		}
		shots = append(shots, list...)
	}
	if shots, err = estimate(ctx, e, shots); err != nil {
		return err
	}
	if len(shots) < 2 {
		return errors.New("fewer than two scenes of four informative frames")
	}
	deviation := deviation(shots)
	fmt.Fprintf(out, "%s, %d scenes, %d frames of each video, CRF %d\n\n| estimate from | distance from the other half | PSNR |\n|---|---|---|\n", e.Name, len(shots), frames, crf)
	base := 0.0
	for i, w := range ways {
		far, db, err := w.measure(ctx, e, shots, deviation)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		if i == 0 {
			base = db
			fmt.Fprintf(out, "| %s | %.3f | %.3f dB |\n", w.name, far, db)
			continue
		}
		fmt.Fprintf(out, "| %s | %.3f | %+.3f |\n", w.name, far, db-base)
	}
	return nil
}

// read decodes the first frames of a video and makes its scenes.
func read(ctx context.Context, path string, n, crf int) (shots []*shot, err error) {
	src, err := decode.Open(ctx, path, decode.Options{})
	if err != nil {
		return nil, err
	}
	defer src.Close()
	detector, number := scene.New(scene.Options{}), uint64(0)
	for range n {
		var f *media.Frame
		for f == nil {
			u, err := src.Next(ctx)
			if errors.Is(err, io.EOF) {
				return shots, spoil(shots, crf)
			}
			if err != nil {
				return nil, err
			}
			f = u.Frame
		}
		if f.Depth != 8 || f.Layout != media.YUV420 {
			return nil, fmt.Errorf("%v: want 4:2:0 of 8 bits", f.Format)
		}
		if detector.Mark(f); f.Scene != number {
			number = f.Scene
			shots = append(shots, &shot{})
		}
		s := shots[len(shots)-1]
		m := degrade.FromYUV(f, f.Width&^3, f.Height&^3)
		f.Release()
		s.sharp = append(s.sharp, degrade.ToYUV(m, media.MatrixBT709))
	}
	return shots, spoil(shots, crf)
}

// spoil halves and codes the frames of each scene.
func spoil(shots []*shot, crf int) error {
	for i, s := range shots {
		var images []degrade.Image
		for _, f := range s.sharp {
			images = append(images, degrade.FromYUV(f, f.Width, f.Height))
		}
		coded, err := degrade.Coded{Factor: 2, Codec: degrade.H264, Quality: crf}.Apply(degrade.NewRand(1, uint64(i)), images)
		if err != nil {
			return err
		}
		for _, m := range coded {
			s.small = append(s.small, degrade.ToYUV(m, media.MatrixBT709))
		}
	}
	return nil
}

// estimate takes the vector of each frame, and drops the frames that tell nothing and the scenes of fewer than four.
func estimate(ctx context.Context, e sr.Engine, shots []*shot) (kept []*shot, err error) {
	for _, s := range shots {
		good := &shot{}
		for i, f := range s.small {
			tells, err := sr.Informative(f)
			if err != nil {
				return nil, err
			}
			if !tells {
				continue
			}
			v, err := e.Estimate(ctx, f)
			if err != nil {
				return nil, err
			}
			good.sharp, good.small = append(good.sharp, s.sharp[i]), append(good.small, f)
			good.vectors = append(good.vectors, slices.Clone(v))
			good.textures = append(good.textures, quality.Detail(luma(f), f.Width, f.Height))
		}
		if len(good.small) >= 4 {
			kept = append(kept, good)
		}
	}
	return kept, nil
}

// deviation of each value over all vectors.
func deviation(shots []*shot) []float64 {
	n, out := 0.0, make([]float64, len(shots[0].vectors[0]))
	sum := make([]float64, len(out))
	for _, s := range shots {
		for _, v := range s.vectors {
			n++
			for k, x := range v {
				sum[k], out[k] = sum[k]+float64(x), out[k]+float64(x)*float64(x)
			}
		}
	}
	for k := range out {
		out[k] = math.Sqrt(max(out[k]/n-sum[k]/n*sum[k]/n, 1e-12))
	}
	return out
}

// measure is the distance and the PSNR of one way over all scenes.
func (w way) measure(ctx context.Context, e sr.Engine, shots []*shot, deviation []float64) (far, db float64, err error) {
	for _, s := range shots {
		v, err := w.of(ctx, e, s)
		if err != nil {
			return 0, 0, err
		}
		var unseen [][]float32
		for i := 1; i < len(s.vectors); i += 2 {
			unseen = append(unseen, s.vectors[i])
		}
		truth, sum := mean(unseen), 0.0
		for k, x := range v {
			d := float64(x-truth[k]) / deviation[k]
			sum += d * d / float64(len(v))
		}
		far += sum / float64(len(shots))
		psnr, err := s.enlarge(ctx, e, v)
		if err != nil {
			return 0, 0, err
		}
		db += psnr / float64(len(shots))
	}
	return math.Sqrt(far), db, nil
}

// enlarge is the mean PSNR of luma over two frames that no way has seen.
func (s *shot) enlarge(ctx context.Context, e sr.Engine, v []float32) (db float64, err error) {
	kernels, err := e.Modulate(ctx, v)
	if err != nil {
		return 0, err
	}
	defer kernels.Close()
	for _, i := range []int{len(s.small)/4 | 1, len(s.small)*3/4 | 1} {
		i = min(i, len(s.small)-1)
		out := media.NewFrame(s.small[i].Format.Scaled(e.Scale()))
		if err := e.Upscale(ctx, out, s.small[i], kernels); err != nil {
			return 0, err
		}
		a, b := luma(out), luma(s.sharp[i])
		sum := 0.0
		for k, x := range a {
			sum += float64(x-b[k]) * float64(x-b[k])
		}
		db += quality.Decibels(sum/float64(len(a)), 255) / 2
	}
	return db, nil
}

// first is the mean over the first n frames that a way may see, or the one of them with most texture.
func first(n int, richest bool) func(context.Context, sr.Engine, *shot) ([]float32, error) {
	return func(_ context.Context, _ sr.Engine, s *shot) ([]float32, error) {
		best, top := 0, -1.0
		var list [][]float32
		for i := 0; i < len(s.vectors) && len(list) < n; i += 2 {
			if list = append(list, s.vectors[i]); s.textures[i] > top {
				best, top = i, s.textures[i]
			}
		}
		if richest {
			return s.vectors[best], nil
		}
		return mean(list), nil
	}
}

// spread is the mean over n frames at equal distances.
func spread(n int) func(context.Context, sr.Engine, *shot) ([]float32, error) {
	return func(_ context.Context, _ sr.Engine, s *shot) ([]float32, error) {
		var list [][]float32
		half := (len(s.vectors) + 1) / 2
		for i := range min(n, half) {
			list = append(list, s.vectors[2*(i*half/min(n, half))])
		}
		return mean(list), nil
	}
}

// richestPart estimates on the quarter of the first frame, half as wide and high, that has most texture.
func richestPart(ctx context.Context, e sr.Engine, s *shot) ([]float32, error) {
	whole := degrade.FromYUV(s.small[0], s.small[0].Width, s.small[0].Height)
	var best *media.Frame
	top := -1.0
	w, h := whole.W/2&^1, whole.H/2&^1
	for y := range 3 {
		for x := range 3 {
			f := degrade.ToYUV(whole.Crop(x*(whole.W-w)/2&^1, y*(whole.H-h)/2&^1, w, h), media.MatrixBT709)
			if d := quality.Detail(luma(f), w, h); d > top {
				best, top = f, d
			}
		}
	}
	v, err := e.Estimate(ctx, best)
	return slices.Clone(v), err
}

func mean(list [][]float32) []float32 {
	out := make([]float32, len(list[0]))
	for _, v := range list {
		for k, x := range v {
			out[k] += x / float32(len(list))
		}
	}
	return out
}

// luma is plane 0 in code values. // [H,W]
func luma(f *media.Frame) []float32 {
	out := make([]float32, 0, f.Width*f.Height)
	for y := range f.Height {
		for _, v := range f.Row(0, y)[:f.Width] {
			out = append(out, float32(v))
		}
	}
	return out
}
