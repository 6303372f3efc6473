// Package clips sends short synthetic clips through a GPU as a run does, and adds what it finds to a self-test's report: scenes, estimates
// and upscaling against the CPU engine, and NVDEC and NVENC against the CPU's codecs.
package clips

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math"

	"vsr/internal/fault"
	"vsr/internal/quality"
	"vsr/internal/testmedia"
	"vsr/media"
	"vsr/pipeline"
	"vsr/scene"
	"vsr/selftest"
	"vsr/sr"
	"vsr/sr/cpu"
	"vsr/sr/cuda"
	"vsr/sr/engines"
)

// What a clip through the whole pipeline may differ by between GPU and CPU.
const (
	clipLevels = 2
	clipPSNR   = 55 // dB
)

// clipModel is the built-in model that clips go through.
const clipModel = "fast-x2"

// Options of Check.
type Options struct {
	Short   bool   // leave out the larger networks, the clips and the timing
	Program string // version of the program, to which the kept result belongs
	Trial   Trial
	Logger  *slog.Logger
}

// Check runs the self-test of a GPU, cuda or cuda:N, and all of this package's checks. The result is kept for device auto. Errors
// are *fault.Error; a GPU that fails a check is none, see selftest.Report.Err.
func Check(ctx context.Context, device string, o Options) (*selftest.Report, error) {
	kind, index, err := engines.ParseDevice(device)
	if err != nil {
		return nil, err
	}
	if kind != "cuda" {
		return nil, fault.New(fault.Usage, "", "--device %q: doctor checks cuda or cuda:N", device)
	}
	report, err := selftest.Run(ctx, selftest.Options{Device: index, Short: o.Short})
	if err != nil {
		return nil, engines.DeviceError(err)
	}
	if !o.Short {
		Engine(ctx, report, index)
	}
	// What was found out now counts for auto; where it cannot be kept, auto checks by itself.
	_ = report.Keep(selftest.ShortOptions{Device: index, Program: o.Program, Logger: o.Logger})
	Codecs(ctx, report, index, o.Trial) // auto does not use them, so its result is without them
	return report, nil
}

// Engine sends two synthetic clips, each with a cut, through scenes, estimates and upscaling on the GPU and on the CPU, and adds a
// check for each to the report.
func Engine(ctx context.Context, report *selftest.Report, index int) {
	sizes, frames := [][2]int{{64, 36}, {320, 180}}, 12
	if report.Emulated { // which takes a minute for a frame of 320x180
		sizes, frames = [][2]int{{64, 36}, {37, 21}}, 3
	}
	for _, s := range sizes {
		o := testmedia.Options{Frames: frames, Cuts: []int{frames / 2}, Format: media.Format{Width: s[0], Height: s[1], Layout: media.YUV420, Depth: 8,
			Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited, Primaries: 1, Transfer: 1, Siting: 1}}}
		check := selftest.Check{Name: fmt.Sprintf("%d frames of %dx%d through %s, against the CPU engine", frames, s[0], s[1], clipModel),
			Hint: "use --device cpu, and report this GPU, the driver and this report"}
		detail, err := checkClip(ctx, o, index)
		if check.OK, check.Detail = err == nil, detail; err != nil {
			check.Detail = fault.Line(err)
			check.Hint = cmp.Or(cuda.Hint(err), check.Hint)
		}
		report.Checks = append(report.Checks, check)
	}
}

func checkClip(ctx context.Context, o testmedia.Options, index int) (string, error) {
	w, err := engines.Weights(clipModel)
	if err != nil {
		return "", err
	}
	gpu, err := cuda.New(w, cuda.Options{Device: index})
	if err != nil {
		return "", err
	}
	got, err := throughPipeline(ctx, o, gpu)
	if err != nil {
		return "", err
	}
	host, err := cpu.New(w, cpu.Options{Precision: "fp32"})
	if err != nil {
		return "", err
	}
	want, err := throughPipeline(ctx, o, host)
	if err != nil {
		return "", err
	}
	return judgeClips(got, want, o.Frames)
}

// judgeClips compares what the GPU made with what the CPU made.
func judgeClips(got, want []*media.Frame, frames int) (string, error) {
	if len(got) != len(want) || len(got) != frames {
		return "", fmt.Errorf("%d frames, on the CPU %d, want %d", len(got), len(want), frames)
	}
	most, least := 0, math.Inf(1)
	for i := range got {
		if got[i].Scene != want[i].Scene {
			return "", fmt.Errorf("frame %d is in scene %d, on the CPU in %d", i, got[i].Scene, want[i].Scene)
		}
		levels, psnr := quality.CompareFrames(got[i], want[i])
		psnr = min(psnr, 100)
		most, least = max(most, levels), min(least, psnr)
	}
	text := fmt.Sprintf("%d scenes, largest difference %d levels, PSNR %.1f dB", got[len(got)-1].Scene, most, least)
	if most > clipLevels || least < clipPSNR {
		return "", fmt.Errorf("%s; want at most %d and at least %d dB", text, clipLevels, clipPSNR)
	}
	return text, nil
}

// collector is a sink that keeps the frames.
type collector struct{ frames []*media.Frame }

func (c *collector) Write(_ context.Context, u media.Unit) error {
	if u.Frame != nil {
		c.frames = append(c.frames, u.Frame)
	}
	return nil
}

func (c *collector) Close() error { return nil }

// throughPipeline runs a synthetic clip through the engine, which it closes.
func throughPipeline(ctx context.Context, o testmedia.Options, e sr.Engine) ([]*media.Frame, error) {
	u, err := sr.New(e, sr.Options{Frames: o.Frames + 2})
	if err != nil {
		e.Close()
		return nil, err
	}
	defer u.Close()
	src, err := testmedia.New(o)
	if err != nil {
		return nil, err
	}
	scenes, out := scene.New(scene.Options{}), &collector{}
	steps := []pipeline.Step{
		{Name: "scene", Stage: pipeline.Video(func(_ context.Context, f *media.Frame) (*media.Frame, error) { scenes.Mark(f); return f, nil })},
		{Name: "sr", Stage: pipeline.Video(u.Process)},
	}
	if _, err = pipeline.Run(ctx, src, steps, out, pipeline.Options{SourceName: "decode", SinkName: "encode"}); err != nil {
		for _, f := range out.frames {
			f.Release()
		}
		return nil, err
	}
	return out.frames, nil
}
