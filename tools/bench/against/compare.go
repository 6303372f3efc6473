package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"vsr/internal/onnx"
	"vsr/media"
	"vsr/sr/cpu"
)

// comparison is what the tool adds to a report of the network alone. Both sides take and give the same 8-bit RGB images: ours from bytes to
// bytes, ONNX Runtime from float32 to float32, the conversion for it being outside its time.
type comparison struct {
	Against    string  `json:"against"`
	Rounds     int     `json:"rounds"`
	OursMS     float64 `json:"ours_ms"` // medians of the rounds' medians
	TheirsMS   float64 `json:"theirs_ms"`
	Ratio      float64 `json:"ratio"` // our frames a second over theirs: the median over the rounds
	LeastRatio float64 `json:"least_ratio"`
	MostRatio  float64 `json:"most_ratio"`
	// MaxDifference is the largest difference of an output sample in levels of 255; WithinOne the share of samples that differ
	// by at most one level.
	MaxDifference int     `json:"max_difference"`
	WithinOne     float64 `json:"share_within_1"`
}

// side is one of the two that are compared.
type side struct {
	name string
	run  func(image int) error // upscales image 0 or 1
	take func() []byte         // planes R, G, B of what the last run gave, without padding
	free func()                // gives all memory back
}

// compare measures our engine and the other in turns.
func (r *request) compare(ctx context.Context) (*comparison, error) {
	images := [2]*media.Frame{testImage(r.width, r.height, 0), testImage(r.width, r.height, 1)}
	e, err := cpu.New(r.weights, r.options())
	if err != nil {
		return nil, err
	}
	d, err := e.Estimate(ctx, images[0])
	if err != nil {
		e.Close()
		return nil, err
	}
	ours, err := engineSide(ctx, e, d, images)
	if err != nil {
		return nil, err
	}
	defer ours.free()
	theirs, err := r.other(ctx, e.Threads(), d, images)
	if err != nil {
		return nil, err
	}
	defer theirs.free()
	c := &comparison{Against: theirs.name, Rounds: r.rounds}
	if err := c.measure(ctx, ours, theirs, r.rounds, r.frames); err != nil {
		return nil, err
	}
	return c, c.differ(ours, theirs)
}

// other opens what --against names.
func (r *request) other(ctx context.Context, threads int, d []float32, images [2]*media.Frame) (*side, error) {
	if number, ok := strings.CutPrefix(r.against, "threads="); ok {
		opts := r.options()
		n, err := strconv.Atoi(number)
		if opts.Threads = n; err != nil || n < 1 || opts.Validate() != nil {
			return nil, fmt.Errorf("-against %q: want threads=1 or more", r.against)
		}
		e, err := cpu.New(r.weights, opts)
		if err != nil {
			return nil, err
		}
		s, err := engineSide(ctx, e, d, images)
		if err == nil {
			s.name = fmt.Sprintf("ours on %d threads", n)
		}
		return s, err
	}
	if r.against != "onnxruntime" {
		return nil, fmt.Errorf("-against %q: want onnxruntime or threads=N", r.against)
	}
	library, err := onnx.Find(r.library)
	if errors.Is(err, onnx.ErrNoLibrary) {
		return nil, errors.New("no ONNX Runtime library here: make onnxruntime fetches it; -onnxruntime names its file")
	} else if err != nil {
		return nil, err
	}
	s, err := r.onnxSide(library, threads, d, images)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// engineSide is our engine, which it closes at the end and after an error.
func engineSide(ctx context.Context, e *cpu.Engine, d []float32, images [2]*media.Frame) (*side, error) {
	k, err := e.Modulate(ctx, d)
	if err != nil {
		e.Close()
		return nil, err
	}
	out := media.NewFrame(images[0].Format.Scaled(e.Scale()))
	return &side{
		run:  func(n int) error { return e.Upscale(ctx, out, images[n], k) },
		take: func() []byte { return rgbBytes(out) },
		free: func() { k.Close(); e.Close() },
	}, nil
}

// onnxSide is ONNX Runtime with our weights and the kernels that d gives.
func (r *request) onnxSide(library string, threads int, d []float32, images [2]*media.Frame) (*side, error) {
	var model bytes.Buffer
	if err := r.weights.ExportONNX(&model, d); err != nil {
		return nil, err
	}
	lib, err := onnx.Open(library)
	if err != nil {
		return nil, err
	}
	scale := r.weights.Config.Scale
	s, err := lib.Load(model.Bytes(), [4]int{1, 3, r.height, r.width}, [4]int{1, 3, r.height * scale, r.width * scale}, threads)
	if err != nil {
		lib.Close()
		return nil, err
	}
	for i, v := range rgbBytes(images[0]) {
		s.In[i] = float32(v) / 255
	}
	return &side{
		name: "ONNX Runtime " + lib.Version() + " float32",
		run:  func(int) error { return s.Run() }, // it notices no repetition, so one image will do
		take: func() []byte {
			out := make([]byte, len(s.Out))
			for i, v := range s.Out {
				out[i] = byte(math.Round(255 * float64(max(0, min(1, v)))))
			}
			return out
		},
		free: func() { s.Close(); lib.Close() },
	}, nil
}

// measure times both sides in turns. The one that begins changes, and each turn starts with a run that is not counted.
func (c *comparison) measure(ctx context.Context, ours, theirs *side, rounds, frames int) error {
	var times [2][]time.Duration
	var ratios []float64
	for round := range rounds {
		var turn [2]time.Duration
		for i := range 2 {
			who := (i + round) % 2
			took, err := [2]*side{ours, theirs}[who].time(ctx, frames)
			if err != nil {
				return err
			}
			turn[who] = took
			times[who] = append(times[who], took)
		}
		ratios = append(ratios, float64(turn[1])/float64(turn[0]))
	}
	slices.Sort(ratios)
	c.OursMS, c.TheirsMS = median(times[0]), median(times[1])
	c.Ratio, c.LeastRatio, c.MostRatio = ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1]
	return nil
}

// time returns the median of several runs, on images that take turns so that nothing can be reused.
func (s *side) time(ctx context.Context, frames int) (time.Duration, error) {
	var times []time.Duration
	for i := range frames + 1 {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		began := time.Now()
		if err := s.run(i % 2); err != nil {
			return 0, err
		}
		if i > 0 {
			times = append(times, time.Since(began))
		}
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

// differ compares what both make of the first image.
func (c *comparison) differ(ours, theirs *side) error {
	if err := errors.Join(ours.run(1), ours.run(0), theirs.run(1), theirs.run(0)); err != nil {
		return err
	}
	a, b := ours.take(), theirs.take()
	if len(a) != len(b) {
		return fmt.Errorf("one side gave %d samples, the other %d", len(a), len(b))
	}
	near := 0
	for i := range a {
		d := int(a[i]) - int(b[i])
		d = max(d, -d)
		c.MaxDifference = max(c.MaxDifference, d)
		if d <= 1 {
			near++
		}
	}
	c.WithinOne = float64(near) / float64(len(a))
	return nil
}

// disturbed says that other programs are at work, or nothing. They slow the two sides down by different amounts. The load average
// would remember benchmarks that are over, so it looks at what runs now (proc(5), loadavg, fourth field).
func disturbed() string {
	const looks = 20
	others := 0
	for range looks {
		text, err := os.ReadFile("/proc/loadavg")
		var a, b, c float64
		var running int
		if n, _ := fmt.Sscanf(string(text), "%f %f %f %d/", &a, &b, &c, &running); err != nil || n < 4 {
			return ""
		}
		others += max(0, running-1) // one is this
		time.Sleep(5 * time.Millisecond)
	}
	if mean := float64(others) / looks; mean >= 0.5 {
		return fmt.Sprintf("other programs disturb these figures: %.1f threads are running beside this one", mean)
	}
	return ""
}

// testImage makes an image in 8-bit RGB with what images have: soft shades, edges, fine lines and grain. Image 1 differs
// from image 0 everywhere.
func testImage(width, height, n int) *media.Frame {
	f := media.NewFrame(media.Format{Width: width, Height: height, Layout: media.YUV444, Depth: 8,
		Color: media.Color{Matrix: media.MatrixRGB, Range: media.RangeFull}})
	seed := uint32(n + 1)
	for p := range f.Planes() {
		for y := range height {
			for x, row := 0, f.Row(p, y); x < width; x++ {
				u, v := float64(x+7*n)/float64(width), float64(y)/float64(height)
				level := 110 + 60*math.Sin(3*u+float64(p))*math.Cos(2*v) + 25*math.Sin(120*(u*u+v*v))
				if (x/24+y/16)%5 == p {
					level += 40
				}
				seed = seed*1664525 + 1013904223
				row[x] = byte(max(0, min(255, level+float64(n)+float64(seed>>30))))
			}
		}
	}
	return f
}

// rgbBytes returns the planes R, G, B of a frame whose planes are G, B, R.
func rgbBytes(f *media.Frame) []byte {
	var out []byte
	for _, p := range [3]int{2, 0, 1} {
		for y := range f.Height {
			out = append(out, f.Row(p, y)...)
		}
	}
	return out
}

func (c *comparison) print(to io.Writer) {
	w := tabwriter.NewWriter(to, 2, 8, 2, ' ', 0)
	fmt.Fprintf(w, "against %s, 8-bit RGB images, %d rounds in turns\n", c.Against, c.Rounds)
	fmt.Fprintf(w, "ours\t%.2f ms\t%.1f fps, from bytes to bytes\n", c.OursMS, 1000/c.OursMS)
	fmt.Fprintf(w, "theirs\t%.2f ms\t%.1f fps\n", c.TheirsMS, 1000/c.TheirsMS)
	fmt.Fprintf(w, "ratio\t%.2f\t%.2f to %.2f over the rounds\n", c.Ratio, c.LeastRatio, c.MostRatio)
	fmt.Fprintf(w, "difference\tat most %d of 255\t%.3f %% of samples within 1\n", c.MaxDifference, 100*c.WithinOne)
	_ = w.Flush() // to a terminal
}

// median returns the middle value in milliseconds.
func median(d []time.Duration) float64 {
	sorted := slices.Sorted(slices.Values(d))
	return float64(sorted[len(sorted)/2]) / float64(time.Millisecond)
}
