package bench

import (
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"vsr/media"
	"vsr/sr"
	"vsr/sr/kdsr"
)

// EngineReport is the time of an engine alone, as `vsr bench --json` prints it for engines other than the CPU's. Times are the medians of all frames, in milliseconds.
type EngineReport struct {
	Model    string      `json:"model"`
	Config   kdsr.Config `json:"config"`
	Device   string      `json:"device"`
	Width    int         `json:"width"`
	Height   int         `json:"height"`
	Frames   int         `json:"frames"`
	Estimate float64     `json:"estimate_ms"`
	Modulate float64     `json:"modulate_ms"`
	Upscale  float64     `json:"upscale_ms"`
	FPS      float64     `json:"fps"`    // of Upscale alone, which is what a frame within a scene pays
	GMACs    float64     `json:"gmac_s"` // multiply-adds a second of Upscale, counted as if no layer were collapsed
}

// measure runs the three verbs on frames that all differ, so that nothing can be reused. Config, size and Frames must be set.
func (b *EngineReport) measure(ctx context.Context, e sr.Engine) error {
	format := media.Format{Width: b.Width, Height: b.Height, Layout: media.YUV420, Depth: 8}
	src, dst := media.NewFrame(format), media.NewFrame(format.Scaled(e.Scale()))
	var estimate, modulate, upscale []time.Duration
	for i := range b.Frames + 1 {
		paint(src, i)
		began := time.Now()
		v, err := e.Estimate(ctx, src)
		if err != nil {
			return err
		}
		estimated := time.Now()
		d, err := e.Modulate(ctx, v)
		if err != nil {
			return err
		}
		modulated := time.Now()
		err = e.Upscale(ctx, dst, src, d)
		done := time.Now()
		if cerr := d.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
		if i > 0 {
			estimate, modulate, upscale = append(estimate, estimated.Sub(began)), append(modulate, modulated.Sub(estimated)), append(upscale, done.Sub(modulated))
		}
	}
	b.Estimate, b.Modulate, b.Upscale = median(estimate), median(modulate), median(upscale)
	b.FPS = 1000 / b.Upscale
	macs, err := b.Config.MACs(b.Width, b.Height)
	b.GMACs = float64(macs.Upscale) / 1e6 / b.Upscale
	return err
}

// paint fills a frame with a pattern that depends on n.
func paint(f *media.Frame, n int) {
	for p := range f.Planes() {
		_, rows := f.PlaneSize(p)
		for y := range rows {
			for x, row := 0, f.Row(p, y); x < len(row); x++ {
				row[x] = byte(64 + (x*(p+3)+y*5+n*11)%128)
			}
		}
	}
}

// median returns the middle value in milliseconds.
func median(d []time.Duration) float64 {
	sorted := slices.Sorted(slices.Values(d))
	return float64(sorted[len(sorted)/2]) / float64(time.Millisecond)
}

// Print writes the report for people.
func (b *EngineReport) Print(to io.Writer) error {
	w := tabwriter.NewWriter(to, 2, 8, 2, ' ', 0)
	fmt.Fprintf(w, "%s on %s, %dx%d, median of %d frames\n", b.Model, b.Device, b.Width, b.Height, b.Frames)
	fmt.Fprintf(w, "estimate\t%.2f ms\tonce a scene\n", b.Estimate)
	fmt.Fprintf(w, "modulate\t%.2f ms\tonce a scene\n", b.Modulate)
	fmt.Fprintf(w, "upscale\t%.2f ms\teach frame: %.1f fps, %.1f G multiply-adds a second\n", b.Upscale, b.FPS, b.GMACs)
	return w.Flush()
}
