package train

import (
	"image"
	"image/png"
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"vsr/internal/atomicfile"
)

// drawCurves draws the losses (logarithmic) above the validation PSNR.
func drawCurves(path string, entries []Entry) error {
	loss, psnr := plot.New(), plot.New()
	loss.Title.Text, loss.X.Label.Text, loss.Y.Scale = "loss", "step", plot.LogScale{}
	psnr.Title.Text, psnr.X.Label.Text = "validation PSNR of Y, dB", "step"
	loss.Legend.Top, psnr.Legend.YOffs = true, vg.Points(30)
	names := []string{"l1", "l2", "kd", "percep", "gan", "d"}
	for i, name := range names {
		var pts plotter.XYs
		for _, e := range entries {
			if v := e.Losses[name]; v > 0 {
				pts = append(pts, plotter.XY{X: float64(e.Step), Y: v})
			}
		}
		if err := addLine(loss, i, name, pts); err != nil {
			return err
		}
	}
	if len(entries) == 0 || loss.Y.Min <= 0 || loss.Y.Min >= loss.Y.Max {
		loss.Y.Scale = plot.LinearScale{}
	}
	var got, base plotter.XYs
	for _, e := range entries {
		if e.PSNR != 0 {
			got = append(got, plotter.XY{X: float64(e.Step), Y: e.PSNR})
			base = append(base, plotter.XY{X: float64(e.Step), Y: e.Bicubic})
		}
	}
	if err := addLine(psnr, 0, "network", got); err != nil {
		return err
	}
	if err := addLine(psnr, 1, "bicubic", base); err != nil {
		return err
	}
	canvas := vgimg.New(8*vg.Inch, 8*vg.Inch)
	dc := draw.New(canvas)
	loss.Draw(draw.Crop(dc, 0, 0, 4*vg.Inch, 0))
	psnr.Draw(draw.Crop(dc, 0, 0, 0, -4*vg.Inch))
	return writePNG(path, canvas.Image())
}

func addLine(p *plot.Plot, i int, name string, pts plotter.XYs) error {
	if len(pts) == 0 {
		return nil
	}
	l, err := plotter.NewLine(pts)
	if err != nil {
		return err
	}
	l.Color = plotutil.Color(i)
	p.Add(l)
	p.Legend.Add(name, l)
	return nil
}

func writePNG(path string, m image.Image) error {
	return atomicfile.Write(path, func(f io.Writer) error { return png.Encode(f, m) })
}
